/**
 * The clock that perf samples with.
 *
 * @module
 */

import type { Libc } from "./libc.ts";

/** `struct timespec` of 64-bit Linux: i64 `tv_sec`, i64 `tv_nsec`. */
export const TIMESPEC_SIZE = 16;

const CLOCK_MONOTONIC = 1;

/**
 * Reads CLOCK_MONOTONIC into `timespec`, {@linkcode TIMESPEC_SIZE} bytes.
 *
 * It cannot fail: the clock exists on every Linux, and Deno checked the buffer.
 */
export function readMonotonicClock(
  libc: Libc,
  timespec: Uint8Array<ArrayBuffer>,
): void {
  libc.clock_gettime(CLOCK_MONOTONIC, timespec);
}
