// light() takes 1/4 of the time, heavy() 3/4: 1/4 in line 11, and 2/4 in line 12.
class Work {
  static int light(int n) {
    int a = 1;
    for (int i = 0; i < n; i++) a = a * 33 ^ i;
    return a;
  }

  static int heavy(int n) {
    int a = 1;
    for (int i = 0; i < n; i++) a = a * 33 ^ i;
    for (int i = 0; i < 2 * n; i++) a = a * 33 ^ i;
    return a;
  }

  public static void main(String[] args) {
    long end = System.nanoTime() + 2_000_000_000L;
    int sum = 0;
    while (System.nanoTime() < end) sum += light(20_000) + heavy(20_000);
    System.out.println(sum);
  }
}
