/**
 * The difference of two profiles.
 *
 * @module
 */

import { untieredName } from "../engines.ts";
import type { Category, FrameSymbol } from "./frame_symbol.ts";
import type { Profile } from "./profile.ts";
import { functionTotals } from "./totals.ts";

/** A function in two profiles. Weights are those of its own instructions. */
export interface FunctionChange {
  /** Its name; for JavaScript, without the compiler's tier. */
  readonly name: string;
  readonly category: Category;
  /** Its weight in the first profile; undefined if it has no sample there. */
  readonly before: number | undefined;
  /** Its weight in the second profile; undefined if it has no sample there. */
  readonly after: number | undefined;
  /** Shares of the whole profiles, from 0 to 1. */
  readonly shareBefore: number;
  readonly shareAfter: number;
}

/**
 * Compares the functions of two profiles by name and category. Returns all functions with
 * self weight, the one with the greatest change of its share first.
 */
export function diffProfiles(
  first: Profile,
  second: Profile,
): FunctionChange[] {
  const before = selfWeights(first);
  const after = selfWeights(second);
  return [...new Set([...before.keys(), ...after.keys()])].map((key) => {
    const [a, b] = [before.get(key), after.get(key)];
    const { name, category } = (b ?? a)!;
    return {
      ...{ name, category, before: a?.weight, after: b?.weight },
      shareBefore: share(a?.weight, first),
      shareAfter: share(b?.weight, second),
    };
  }).sort((a, b) => magnitude(b) - magnitude(a));
}

/**
 * Returns the change of a share that can be due to chance alone: twice the standard deviation
 * of the difference of two shares of one half, for which it is greatest.
 */
export function chanceOf(first: Profile, second: Profile): number {
  return Math.sqrt(1 / first.samples + 1 / second.samples);
}

const magnitude = ({ shareBefore, shareAfter }: FunctionChange) =>
  Math.abs(shareAfter - shareBefore);

const share = (part: number | undefined, { weight }: Profile) =>
  weight === 0 ? 0 : (part ?? 0) / weight;

interface SelfWeight {
  readonly name: string;
  readonly category: Category;
  weight: number;
}

function selfWeights(profile: Profile): Map<string, SelfWeight> {
  const weights = new Map<string, SelfWeight>();
  for (const { symbol, self } of functionTotals(profile)) {
    if (self === 0) continue;
    const name = comparedName(symbol);
    const category = symbol.category;
    const key = `${category}\0${name}`;
    const known = weights.get(key);
    if (known) known.weight += self;
    else weights.set(key, { name, category, weight: self });
  }
  return weights;
}

/** Returns the name by which a function is compared: that of JavaScript without its tier. */
export const comparedName = ({ name, category }: FrameSymbol): string =>
  category === "javascript" ? untieredName(name) : name;
