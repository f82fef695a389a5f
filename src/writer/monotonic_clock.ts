/**
 * CLOCK_MONOTONIC in nanoseconds: the clock that perf samples with under
 * `perf record -k mono`.
 *
 * @module
 */

import { readMonotonicClock, TIMESPEC_SIZE } from "../../ffi/clock.ts";
import type { Libc } from "../../ffi/libc.ts";
import { addressOfBuffer } from "../../ffi/memory.ts";
import type { Uint64 } from "./uint64.ts";

const NS_PER_SECOND = 1_000_000_000;

/**
 * Sets `into` to `seconds` × 10⁹ + `nanoseconds`, exactly: after 104 days of uptime the
 * sum does not fit a `number`. Wraps at 2⁶⁴.
 *
 * The seconds are split at bit 16, so that each product stays below 2⁵³:
 *
 *     seconds = upper × 2¹⁶ + lower
 *     total   = upper × 10⁹ × 2¹⁶  +  lower × 10⁹ + nanoseconds
 */
export function setNanoseconds(
  into: Uint64,
  seconds: number,
  nanoseconds: number,
): void {
  // `&` computes the same remainder as `%`, and is cheaper.
  const lower = seconds & 0xffff;
  const upper = (seconds - lower) / 0x1_0000 * NS_PER_SECOND;
  const upperLow = upper & 0xffff;
  const sum = upperLow * 0x1_0000 + lower * NS_PER_SECOND + nanoseconds;
  const low = sum >>> 0;
  into.set(
    low,
    (upper - upperLow) / 0x1_0000 + (sum - low) / 0x1_0000_0000,
  );
}

/** Reads CLOCK_MONOTONIC without allocating. */
export class MonotonicClock {
  readonly #libc: Libc;
  readonly #bytes = new Uint8Array(new ArrayBuffer(TIMESPEC_SIZE));
  // The halves of tv_sec and tv_nsec, little-endian on each of Deno's targets.
  readonly #words = new Uint32Array(this.#bytes.buffer);
  readonly #address: bigint;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#address = addressOfBuffer(libc, this.#bytes);
  }

  /** Sets `into` to now. */
  read(into: Uint64): void {
    readMonotonicClock(this.#libc, this.#address);
    const words = this.#words;
    setNanoseconds(into, words[1] * 0x1_0000_0000 + words[0], words[2]);
  }
}
