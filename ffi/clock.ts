/**
 * The clock that perf samples with.
 *
 * @module
 */

import type { Libc } from "./libc.ts";
import { addressOfBuffer } from "./memory.ts";

/** `struct timespec` of 64-bit Linux: i64 `tv_sec`, i64 `tv_nsec`. */
export const TIMESPEC_SIZE = 16;

const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;

/**
 * Reads CLOCK_MONOTONIC into the {@linkcode TIMESPEC_SIZE} bytes at `timespec`.
 *
 * It cannot fail: the clock exists on every Linux. It takes an address because this is
 * called for each record, and finding where a buffer lies takes as long as the clock.
 */
export function readMonotonicClock(libc: Libc, timespec: bigint): void {
  libc.clock_gettime(CLOCK_MONOTONIC, timespec);
}

/** The time in so many seconds, as the waiting calls of pthreads take it. */
export function deadline(
  libc: Libc,
  seconds: bigint,
): Uint8Array<ArrayBuffer> {
  const timespec = new Uint8Array(new ArrayBuffer(TIMESPEC_SIZE));
  libc.clock_gettime(CLOCK_REALTIME, addressOfBuffer(libc, timespec));
  new BigInt64Array(timespec.buffer)[0] += seconds;
  return timespec;
}
