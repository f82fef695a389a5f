/**
 * CLOCK_MONOTONIC in nanoseconds: the clock that perf samples with under
 * `perf record -k mono`.
 *
 * @module
 */

import { readMonotonicClock, TIMESPEC_SIZE } from "../../ffi/clock.ts";
import type { Libc } from "../../ffi/libc.ts";
import { addressOfBuffer } from "../../ffi/memory.ts";

const NS_PER_SECOND = 1_000_000_000n;

/** Reads CLOCK_MONOTONIC. */
export class MonotonicClock {
  readonly #libc: Libc;
  // tv_sec and tv_nsec, little-endian on each of Deno's targets.
  readonly #time = new BigUint64Array(new ArrayBuffer(TIMESPEC_SIZE));
  readonly #address: bigint;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#address = addressOfBuffer(libc, new Uint8Array(this.#time.buffer));
  }

  /** Returns the time in nanoseconds. Optimized code allocates only the result (V8 15). */
  now(): bigint {
    readMonotonicClock(this.#libc, this.#address);
    const time = this.#time;
    return BigInt.asUintN(64, time[0] * NS_PER_SECOND + time[1]);
  }
}
