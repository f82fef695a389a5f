/**
 * The shares of the categories of code.
 *
 * @module
 */

import type { Origin } from "./place.ts";
import type { Profile } from "./profile.ts";
import { tallyFunctions } from "./tally.ts";

/** All categories, in the order in which they are listed. */
export const CATEGORIES: readonly Origin[] = [
  "jitted",
  "javascript",
  "native",
  "kernel",
  "unknown",
];

/** Returns the weight of each category's own instructions. */
export function categoryWeights(profile: Profile): Map<Origin, number> {
  const weights = new Map(CATEGORIES.map((category) => [category, 0]));
  for (const { place: { origin }, self } of tallyFunctions(profile)) {
    weights.set(origin, weights.get(origin)! + self);
  }
  return weights;
}
