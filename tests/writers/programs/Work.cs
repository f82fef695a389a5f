// Light() takes 1/4 of the time, Heavy() 3/4.
class Work {
  static int Light(int n) {
    int a = 1;
    for (int i = 0; i < n; i++) a = a * 33 ^ i;
    return a;
  }

  static int Heavy(int n) {
    int a = 1;
    for (int i = 0; i < 3 * n; i++) a = a * 33 ^ i;
    return a;
  }

  static void Main() {
    int sum = 0;
    for (int i = 0; i < 10000; i++) sum += Light(20000) + Heavy(20000);
    System.Console.WriteLine(sum);
  }
}
