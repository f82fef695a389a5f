/**
 * Numbers by which the threads of a process know each other's work without having
 * spoken: all of them come to the same, and those of another process to others,
 * also of an earlier one with the same process id.
 *
 * @module
 */

import type { Libc } from "../../ffi/libc.ts";
import { randomBytesOfProcess } from "../../ffi/process.ts";

const UINT64 = 0xffff_ffff_ffff_ffffn;

/** Spreads each bit over all of them: the last step of the generator SplitMix64. */
function mix(value: bigint): bigint {
  value = (value ^ value >> 30n) * 0xbf58_476d_1ce4_e5b9n & UINT64;
  value = (value ^ value >> 27n) * 0x94d0_49bb_1331_11ebn & UINT64;
  return value ^ value >> 31n;
}

/**
 * A number of 64 bits that this process has for a purpose: for some numbers of 64 bits
 * that say which. From a part of it nobody learns the process's random bytes.
 */
export function processMark(libc: Libc, ...purpose: bigint[]): bigint {
  const words = new BigUint64Array(randomBytesOfProcess(libc).buffer);
  return [...words, ...purpose].reduce((mark, word) => mix(mark ^ word), 0n);
}
