/*
 * Functions with frame pointers call functions without them. The frame of `large` is larger than
 * the copy of the stack:
 *
 *     main ─ outer ─ large ─ middle ─ leaf
 *
 * The file is compiled twice; with FRAMELESS, it defines the last two functions.
 */

#include <stdint.h>
#include <stdlib.h>

uint64_t middle(uint64_t n);

#ifdef FRAMELESS

__attribute__((noinline)) static uint64_t leaf(uint64_t n) {
  for (int i = 0; i < 20000; i++) n = n * 6364136223846793005u + 1;
  return n;
}

uint64_t middle(uint64_t n) { return leaf(n) * 3 + 1; }

#else

static volatile uint64_t sink;

__attribute__((noinline)) static uint64_t large(uint64_t n) {
  volatile char bytes[64 * 1024];
  bytes[n % sizeof bytes] = 1;
  return middle(n) * 3 + bytes[n % 16];
}

__attribute__((noinline)) static uint64_t outer(uint64_t n) {
  return large(n) ^ 5;
}

int main(int argc, char **argv) {
  uint64_t count = argc > 1 ? atoi(argv[1]) : 1000;
  for (uint64_t i = 0; i < count; i++) sink += outer(i);
  return 0;
}

#endif
