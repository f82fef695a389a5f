// Uses the CPU in functions of known shares, in several threads:
//   busy THREADS ROUNDS
// Prints a line when it starts, with CLOCK_REALTIME in milliseconds, and one when it ends,
// with seconds of wall time and of CPU time.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define PART(name)                                                     \
  static __attribute__((noinline)) void name(long rounds) {            \
    for (volatile long i = 0; i < rounds; i++);                        \
  }
PART(alpha)
PART(beta)
PART(gamma_)
PART(delta)
PART(epsilon)
PART(zeta)
PART(eta)
PART(theta)

// Each part has its percentage. Order and length are random, but the same in each run:
// samples at a fixed period would favor some parts of a regular program.
static void *work(void *rounds) {
  unsigned seed = 1;
  for (long i = 0; i < (long)rounds; i++) {
    seed ^= seed << 13, seed ^= seed >> 17, seed ^= seed << 5;
    unsigned part = seed % 100;
    long length = 5000 + (seed >> 8) % 10000;
    if (part < 24) alpha(length);
    else if (part < 44) beta(length);
    else if (part < 60) gamma_(length);
    else if (part < 73) delta(length);
    else if (part < 83) epsilon(length);
    else if (part < 91) zeta(length);
    else if (part < 97) eta(length);
    else theta(length);
  }
  return 0;
}

static double now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  printf("%.3f\n", 1000 * now(CLOCK_REALTIME));
  fflush(stdout);
  int count = atoi(argv[1]);
  double start = now(CLOCK_MONOTONIC);
  pthread_t threads[count];
  for (int i = 0; i < count; i++)
    pthread_create(&threads[i], 0, work, (void *)atol(argv[2]));
  for (int i = 0; i < count; i++) pthread_join(threads[i], 0);
  printf("%f %f\n", now(CLOCK_MONOTONIC) - start, now(CLOCK_PROCESS_CPUTIME_ID));
  return 0;
}
