/**
 * The shares of the categories of code.
 *
 * @module
 */

import type { Category } from "./frame_symbol.ts";
import type { Profile } from "./profile.ts";
import { functionTotals } from "./totals.ts";

/** All categories, in the order in which they are listed. */
export const CATEGORIES: readonly Category[] = [
  "jitted",
  "javascript",
  "native",
  "kernel",
  "unknown",
];

/** Returns the weight of each category's own instructions. */
export function categoryWeights(profile: Profile): Map<Category, number> {
  const weights = new Map(CATEGORIES.map((category) => [category, 0]));
  for (const { symbol: { category }, self } of functionTotals(profile)) {
    weights.set(category, weights.get(category)! + self);
  }
  return weights;
}
