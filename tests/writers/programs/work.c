/* light() takes a quarter of the time, and heavy() three; line 11 a third of heavy(), line 12 the rest. */
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
