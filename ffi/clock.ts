/**
 * The clock of jitdump timestamps, and of perf's samples under `perf record -k mono`.
 *
 * @module
 */

import { CLOCK_MONOTONIC } from "./constants.ts";
import type { Libc } from "./libc.ts";
import { addressOfBuffer } from "./memory.ts";

/** Size of `struct timespec` of 64-bit Linux: i64 `tv_sec`, i64 `tv_nsec`. */
export const TIMESPEC_SIZE = 16;

/**
 * Reads CLOCK_MONOTONIC into the {@linkcode TIMESPEC_SIZE} bytes at `timespec`.
 *
 * It cannot fail, because every Linux has the clock. It accepts an address, because it
 * is called for each record, and finding a buffer's address takes as long as the call.
 */
export function readMonotonicClock(libc: Libc, timespec: bigint): void {
  libc.clock_gettime(CLOCK_MONOTONIC, timespec);
}

/** Returns CLOCK_MONOTONIC in nanoseconds; `MonotonicClock` is for repeated reads. */
export function monotonicTime(libc: Libc): bigint {
  // tv_sec and tv_nsec, little-endian on each of Deno's targets.
  const time = new BigUint64Array(new ArrayBuffer(TIMESPEC_SIZE));
  readMonotonicClock(
    libc,
    addressOfBuffer(libc, new Uint8Array(time.buffer)),
  );
  return time[0] * 1_000_000_000n + time[1];
}
