/* Functions with every kind of frame of native code. Build with -O2 -fomit-frame-pointer. */

#include <alloca.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static volatile uint64_t sink;
static volatile uint64_t rounds;

/* A leaf that saves nothing on the stack. */
__attribute__((noinline)) uint64_t leaf(uint64_t n) {
  for (int i = 0; i < 200; i++) n = n * 6364136223846793005u + 1;
  return n;
}

/* A frame whose size is not constant. */
__attribute__((noinline)) uint64_t with_alloca(uint64_t n) {
  volatile char *bytes = alloca(16 + n % 300);
  bytes[n % 16] = 1;
  return leaf(n) + bytes[n % 16];
}

__attribute__((noinline)) uint64_t deep(uint64_t n, int depth) {
  if (depth == 0) return with_alloca(n) + leaf(n);
  uint64_t below = deep(n + 1, depth - 1);
  return below * 3 + leaf(below);
}

static int compare(const void *a, const void *b) {
  uint64_t x = leaf(*(const uint64_t *)a), y = leaf(*(const uint64_t *)b);
  return x < y ? -1 : x > y;
}

/* Calls the C library through the PLT, which calls a function of this program. */
__attribute__((noinline)) void sorted(void) {
  uint64_t values[32];
  for (int i = 0; i < 32; i++) values[i] = rounds * 31 + i;
  qsort(values, 32, sizeof values[0], compare);
  sink += values[7];
}

/* Calls functions that are so short that many samples are in the PLT. */
__attribute__((noinline)) void through_plt(void) {
  for (int i = 0; i < 2000; i++) sink += abs((int)lrand48());
}

static void handler(int signal) {
  for (int i = 0; i < 300; i++) sink += leaf(i + signal);
}

/* A signal handler with a stack of its own. */
static void alternate_handler(int signal) {
  for (int i = 0; i < 300; i++) sink += leaf(i + signal);
}

/* Calls the vdso. */
__attribute__((noinline)) void read_clock(void) {
  struct timespec now;
  for (int i = 0; i < 300; i++) {
    clock_gettime(CLOCK_MONOTONIC, &now);
    sink += now.tv_nsec;
  }
}

static void start_timer(int which, int signal, void (*run)(int), int flags) {
  struct sigaction action = {.sa_handler = run, .sa_flags = flags};
  sigaction(signal, &action, 0);
  struct itimerval timer = {{0, 2000}, {0, 2000}};
  setitimer(which, &timer, 0);
}

int main(int argc, char **argv) {
  int count = argc > 1 ? atoi(argv[1]) : 1000;
  stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};
  sigaltstack(&stack, 0);
  start_timer(ITIMER_REAL, SIGALRM, handler, 0);
  start_timer(ITIMER_VIRTUAL, SIGVTALRM, alternate_handler, SA_ONSTACK);
  for (; count > 0; count--) {
    rounds++;
    sink += deep(rounds, 10);
    sorted();
    through_plt();
    read_clock();
  }
  return 0;
}
