/**
 * Groups of equal frames.
 *
 * @module
 */

import type { FrameSymbol } from "./frame_symbol.ts";

/** The group of a frame without a key. */
export const NO_GROUP = -1;

/** Frames by their groups, which are numbered in the order of their first frames. */
export interface FrameGroups {
  /** The first frame of each group. */
  readonly first: FrameSymbol[];
  /** The group of each frame, or {@linkcode NO_GROUP}. */
  readonly ofFrame: Int32Array;
}

/** Groups frames with equal keys; those without a key have no group. */
export function groupFrames(
  symbols: readonly FrameSymbol[],
  keyOf: (symbol: FrameSymbol) => string | undefined,
): FrameGroups {
  const first: FrameSymbol[] = [];
  const byKey = new Map<string, number>();
  const ofFrame = Int32Array.from(symbols, (symbol) => {
    const key = keyOf(symbol);
    if (key === undefined) return NO_GROUP;
    let group = byKey.get(key);
    if (group === undefined) {
      group = first.push(symbol) - 1;
      byKey.set(key, group);
    }
    return group;
  });
  return { first, ofFrame };
}
