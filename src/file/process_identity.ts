/**
 * Numbers that identify a process: the same in all of its threads, and different in every
 * other process, including an earlier one with the same process id.
 *
 * @module
 */

import type { Libc } from "../../ffi/libc.ts";
import { randomBytesOfProcess } from "../../ffi/process.ts";

const UINT64 = 0xffff_ffff_ffff_ffffn;

/** Spreads each bit over all 64: the last step of the generator SplitMix64. */
function mix(value: bigint): bigint {
  value = (value ^ value >> 30n) * 0xbf58_476d_1ce4_e5b9n & UINT64;
  value = (value ^ value >> 27n) * 0x94d0_49bb_1331_11ebn & UINT64;
  return value ^ value >> 31n;
}

/**
 * Returns the process's 64-bit number for a purpose. Publishing some bits of it does not
 * disclose the process's random bytes.
 *
 * @param purpose Selects the number; those of different purposes are unrelated.
 */
export function processIdentity(libc: Libc, purpose: bigint): bigint {
  const words = new BigUint64Array(randomBytesOfProcess(libc).buffer);
  return [...words, purpose].reduce((hash, word) => mix(hash ^ word), 0n);
}
