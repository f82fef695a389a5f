/**
 * Totals of a profile by function and line.
 *
 * @module
 */

import { NO_NODE } from "./call_tree.ts";
import { groupFrames, NO_GROUP } from "./frame_groups.ts";
import { type FrameSymbol, functionKey, lineKey } from "./frame_symbol.ts";
import type { Profile } from "./profile.ts";

/** The weights of a function or a line. */
export interface Share {
  /** One of its frames. */
  readonly symbol: FrameSymbol;
  /** Weight of its own instructions. */
  self: number;
  /** Weight of its own instructions and of those of its callees. */
  total: number;
}

/** Returns the totals of frames with equal keys, the hottest first. */
function totalsBy(
  { tree, symbols }: Profile,
  keyOf: (symbol: FrameSymbol) => string | undefined,
): Share[] {
  const { first, ofFrame } = groupFrames(symbols, keyOf);
  const shares = first.map((symbol): Share => ({ symbol, self: 0, total: 0 }));
  const totals = tree.totals();
  /** Number of occurrences of each function in the chain: a recursive one counts once. */
  const depths = new Int32Array(shares.length);
  const shareOf = (node: number) =>
    tree.parentOf(node) === NO_NODE ? NO_GROUP : ofFrame[tree.frameOf(node)];
  tree.visit((node) => {
    const share = shareOf(node);
    if (share === NO_GROUP) return;
    const weight = tree.selfOf(node);
    if (weight > 0) shares[share].self += weight;
    if (depths[share]++ === 0) shares[share].total += totals[node];
  }, (node) => {
    const share = shareOf(node);
    if (share !== NO_GROUP) depths[share]--;
  });
  return shares.filter(({ total }) => total > 0)
    .sort((a, b) => b.self - a.self || b.total - a.total);
}

/** Returns the totals of each function. */
export function functionTotals(profile: Profile): Share[] {
  return totalsBy(profile, functionKey);
}

/** Returns the totals of each source line. */
export function lineTotals(profile: Profile): Share[] {
  return totalsBy(profile, lineKey);
}
