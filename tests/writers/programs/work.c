/* light() takes 1/4 of the time, heavy() 3/4: 1/4 in line 11, and 2/4 in line 12. */
__attribute__((noinline)) static int light(int n) {
  int a = 1;
  for (int i = 0; i < n; i++) a = a * 33 ^ i;
  return a;
}

__attribute__((noinline)) static int heavy(int n) {
  int a = 1;
  asm volatile("" : "+r"(a));
  for (int i = 0; i < n; i++) a = a * 33 ^ i;
  for (int i = 0; i < 2 * n; i++) a = a * 33 ^ i;
  return a;
}

volatile int sum;

int main(void) {
  for (int i = 0; i < 150; i++) sum += light(1000000) + heavy(1000000);
  return 0;
}
