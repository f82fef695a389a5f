/**
 * Adding up what a profile's call chains took.
 *
 * @module
 */

import { NO_NODE } from "./call_tree.ts";
import { functionKey, type Place } from "./place.ts";
import type { Profile } from "./profile.ts";

/** What something took: a function, or a line. */
export interface Share {
  /** One of the places that were added up. */
  readonly place: Place;
  /** What it took itself. */
  self: number;
  /** The same with all that it called. */
  total: number;
}

/** What is not added up. */
const NONE = -1;

/** Adds up what has one key; the hottest first. */
function tally(
  { tree, places }: Profile,
  keyOf: (place: Place) => string | undefined,
): Share[] {
  const shares: Share[] = [];
  const byKey = new Map<string, number>();
  const byFrame = Int32Array.from(places, (place) => {
    const key = keyOf(place);
    if (key === undefined) return NONE;
    let share = byKey.get(key);
    if (share === undefined) {
      share = shares.push({ place, self: 0, total: 0 }) - 1;
      byKey.set(key, share);
    }
    return share;
  });
  const totals = tree.totals();
  /** How often each is in the chain: what calls itself counts once. */
  const depths = new Int32Array(shares.length);
  const shareOf = (node: number) =>
    tree.parentOf(node) === NO_NODE ? NONE : byFrame[tree.frameOf(node)];
  tree.visit((node) => {
    const share = shareOf(node);
    if (share === NONE) return;
    const weight = tree.selfOf(node);
    if (weight > 0) shares[share].self += weight;
    if (depths[share]++ === 0) shares[share].total += totals[node];
  }, (node) => {
    const share = shareOf(node);
    if (share !== NONE) depths[share]--;
  });
  return shares.filter(({ total }) => total > 0)
    .sort((a, b) => b.self - a.self || b.total - a.total);
}

/** Returns what each function took. */
export function tallyFunctions(profile: Profile): Share[] {
  return tally(profile, functionKey);
}

/** Returns what each source line took, if it has one. */
export function tallyLines(profile: Profile): Share[] {
  return tally(
    profile,
    ({ source, name }) => source && `${source.file}\0${source.line}\0${name}`,
  );
}
