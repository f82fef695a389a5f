/**
 * Adding up what a profile's call chains took.
 *
 * @module
 */

import type { Profile } from "./profile.ts";
import type { Place } from "./symbolizer.ts";

/** What something took: a function, or a line. */
export interface Share {
  /** One of the places that were added up. */
  readonly place: Place;
  /** What it took itself. */
  self: number;
  /** The same with all that it called. */
  total: number;
}

/** Tells functions apart. */
export const functionKey = ({ name, origin, object }: Place): string =>
  `${origin}\0${object}\0${name}`;

/** Adds up what has one key; the hottest first. */
function tally(
  { stacks }: Profile,
  keyOf: (place: Place) => string | undefined,
): Share[] {
  const shares = new Map<string, Share>();
  /** Many chains have one place. */
  const byPlace = new Map<Place, Share | undefined>();
  const shareOf = (place: Place): Share | undefined => {
    const key = keyOf(place);
    if (key === undefined) return undefined;
    let share = shares.get(key);
    if (!share) shares.set(key, share = { place, self: 0, total: 0 });
    return share;
  };
  for (const { places, weight } of stacks) {
    // What calls itself is in a chain more than once.
    const counted = new Set<Share>();
    places.forEach((place, depth) => {
      if (!byPlace.has(place)) byPlace.set(place, shareOf(place));
      const share = byPlace.get(place);
      if (!share) return;
      if (depth === places.length - 1) share.self += weight;
      if (!counted.has(share)) share.total += weight;
      counted.add(share);
    });
  }
  return [...shares.values()]
    .sort((a, b) => b.self - a.self || b.total - a.total);
}

/** What each function took. */
export function tallyFunctions(profile: Profile): Share[] {
  return tally(profile, functionKey);
}

/** What each source line took, where there is one. */
export function tallyLines(profile: Profile): Share[] {
  return tally(
    profile,
    ({ source, name }) => source && `${source.file}\0${source.line}\0${name}`,
  );
}
