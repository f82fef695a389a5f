// light() takes 1/4 of the time, heavy() 3/4: 1/4 in line 9, and 2/4 in line 10.
function light(n) {
  let a = 1;
  for (let i = 0; i < n; i++) a = (a * 33 + i) | 0;
  return a;
}
function heavy(n) {
  let a = 1;
  for (let i = 0; i < n; i++) a = (a * 33 + i) | 0;
  for (let i = 0; i < 2 * n; i++) a = (a * 33 + i) | 0;
  return a;
}
const end = Date.now() + 1500;
while (Date.now() < end) {
  if (light(10000) === heavy(10000)) break;
}
