/**
 * A cache of frames by address.
 *
 * @module
 */

import type { Address } from "../symbols/address.ts";

/** Number of entries, a power of two. */
const SIZE = 2 ** 17;

/** Numbers per entry: the address; space and frame in one number; since; until. */
const WIDTH = 4;

/** First integer that is not the index of a frame. */
const FRAME_LIMIT = 2 ** 31;

/** The result for an address that is not cached. */
export const UNKNOWN_FRAME = -1;

/**
 * A cache of fixed size. Without it, naming a frame is a binary search among all functions
 * of a dump, and most of its steps miss the processor's cache. An entry occupies one cache
 * line.
 */
export class FrameCache {
  readonly #entries = new Float64Array(SIZE * WIDTH).fill(NaN);

  /**
   * Returns the frame of an address at a time, or `UNKNOWN_FRAME`.
   *
   * @param space Number of the address space and of its state.
   */
  find(space: number, address: Address, time: number): number {
    const entries = this.#entries;
    const at = slotOf(space, address);
    if (entries[at] !== address) return UNKNOWN_FRAME;
    const frame = entries[at + 1] - space * FRAME_LIMIT;
    const isSame = frame >= 0 && frame < FRAME_LIMIT &&
      entries[at + 2] <= time && time < entries[at + 3];
    return isSame ? frame : UNKNOWN_FRAME;
  }

  /** Adds the frame of an address between two times. */
  set(
    space: number,
    address: Address,
    frame: number,
    since: number,
    until: number,
  ): void {
    const entries = this.#entries;
    const at = slotOf(space, address);
    entries[at] = address;
    entries[at + 1] = space * FRAME_LIMIT + frame;
    entries[at + 2] = since;
    entries[at + 3] = until;
  }
}

function slotOf(space: number, address: Address): number {
  const high = Math.floor(address / 2 ** 32);
  let mixed = Math.imul(address | 0, 0x9e37_79b1) ^
    Math.imul(high ^ space << 8, 0x85eb_ca6b);
  mixed ^= mixed >>> 15;
  return (mixed & SIZE - 1) * WIDTH;
}
