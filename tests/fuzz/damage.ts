/**
 * Random corruption of files.
 *
 * @module
 */

import type { Random } from "../support/random.ts";

/** Sizes and counts that often cause errors. */
const EDGES = [0, 1, 15, 16, 17, 39, 40, 41, 55, 56, 57, 0x7f, 0x80, 0xff];

const cut = (bytes: Uint8Array, random: Random) =>
  bytes.slice(0, random.below(bytes.length + 1));

function flip(bytes: Uint8Array, random: Random): Uint8Array {
  const flipped = bytes.slice();
  for (let count = 1 + random.below(8); count > 0; count--) {
    flipped[random.below(bytes.length)] ^= 1 << random.below(8);
  }
  return flipped;
}

function overwrite(bytes: Uint8Array, random: Random): Uint8Array {
  const written = bytes.slice();
  for (let count = 1 + random.below(4); count > 0; count--) {
    const at = random.below(bytes.length);
    written.fill(random.of(EDGES), at, at + random.of([1, 1, 2, 4, 8]));
  }
  return written;
}

function splice(
  bytes: Uint8Array,
  random: Random,
  others: readonly Uint8Array[],
): Uint8Array {
  const other = random.of(others);
  const head = bytes.subarray(0, random.below(bytes.length + 1));
  const tail = other.subarray(random.below(other.length + 1));
  const spliced = new Uint8Array(head.length + tail.length);
  spliced.set(head);
  spliced.set(tail, head.length);
  return spliced;
}

const DAMAGES = [cut, flip, flip, overwrite, overwrite, splice];

/** Returns a corrupt copy of one of the files. */
export function damage(
  files: readonly Uint8Array[],
  random: Random,
): Uint8Array {
  return random.of(DAMAGES)(random.of(files), random, files);
}
