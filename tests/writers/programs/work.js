// light() takes a quarter of the time, and heavy() three; line 9 a third of heavy(), line 10 the rest.
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
