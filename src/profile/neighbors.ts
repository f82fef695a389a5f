/**
 * The callers and callees of a function.
 *
 * @module
 */

import { plainName } from "../engines.ts";
import { NO_NODE } from "./call_tree.ts";
import { functionsOf } from "./function_table.ts";
import type { FrameSymbol } from "./frame_symbol.ts";
import type { Profile } from "./profile.ts";

/** A function that calls another one, or is called by it. */
export interface Neighbor {
  readonly symbol: FrameSymbol;
  /** Weight of the samples with such a call. */
  weight: number;
}

/** The neighbors of a function, those with the greatest weight first. */
export interface Neighbors {
  /** Weight of the samples in the function or its callees. */
  readonly total: number;
  /** Weight of the samples in the function. */
  readonly self: number;
  readonly callers: readonly Neighbor[];
  readonly callees: readonly Neighbor[];
}

/**
 * Returns the neighbors of all functions with a name; if there is none, of all functions
 * with that name in their source. A sample counts once for a neighbor, even if the function
 * calls itself.
 *
 * @returns The neighbors; undefined if there is no such function.
 */
export function neighborsOf(
  profile: Profile,
  name: string,
): Neighbors | undefined {
  const { tree } = profile;
  const { functions, ofFrame } = functionsOf(profile);
  const isNamed = namedIn(functions, name);
  if (!isNamed.includes(true)) return undefined;
  const callers = new Map<number, Neighbor>();
  const callees = new Map<number, Neighbor>();
  const add = (to: Map<number, Neighbor>, fn: number, weight: number) => {
    const known = to.get(fn);
    if (known) known.weight += weight;
    else to.set(fn, { symbol: functions[fn], weight });
  };
  let [total, self] = [0, 0];
  for (let node = 0; node < tree.size; node++) {
    const weight = tree.selfOf(node);
    if (weight === 0) continue;
    const chain = tree.chainOf(node).slice(1).map((frame) => ofFrame[frame]);
    const above = new Set<number>();
    const below = new Set<number>();
    for (const [i, fn] of chain.entries()) {
      if (!isNamed[fn]) continue;
      if (i > 0) above.add(chain[i - 1]);
      if (i + 1 < chain.length) below.add(chain[i + 1]);
    }
    const innermost = chain.at(-1) ?? NO_NODE;
    if (isNamed[innermost]) self += weight;
    if (chain.some((fn) => isNamed[fn])) total += weight;
    for (const fn of above) add(callers, fn, weight);
    for (const fn of below) add(callees, fn, weight);
  }
  const sorted = (neighbors: Map<number, Neighbor>) =>
    [...neighbors.values()].sort((a, b) => b.weight - a.weight);
  return { total, self, callers: sorted(callers), callees: sorted(callees) };
}

/** Returns whether each function has the name. */
function namedIn(functions: readonly FrameSymbol[], name: string): boolean[] {
  const exact = functions.map((fn) => fn.name === name);
  if (exact.includes(true)) return exact;
  return functions.map((fn) => plainName(fn.name) === name);
}
