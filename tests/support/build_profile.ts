/**
 * A builder of profiles.
 *
 * @module
 */

import { CallTree, NO_NODE } from "../../src/profile/call_tree.ts";
import type { Place } from "../../src/profile/place.ts";
import type { Profile } from "../../src/profile/profile.ts";

/** A call chain, the outermost place first, and what it took. */
export interface Stack {
  process: string;
  places: Place[];
  weight: number;
}

/** Adds up chains; samples are as many as chains. */
export function buildProfile(stacks: Iterable<Stack>): Profile {
  const tree = new CallTree();
  const processes: string[] = [];
  const numbers = new Map<Place, number>();
  let [samples, weight] = [0, 0];
  for (const stack of stacks) {
    if (!processes.includes(stack.process)) processes.push(stack.process);
    let node = tree.child(NO_NODE, processes.indexOf(stack.process));
    for (const place of stack.places) {
      const number = numbers.get(place) ?? numbers.size;
      numbers.set(place, number);
      node = tree.child(node, number);
    }
    tree.addWeight(node, stack.weight);
    samples++;
    weight += stack.weight;
  }
  return {
    ...{ tree, processes, samples, weight, event: "cpu-clock" },
    ...{ places: [...numbers.keys()], dumps: [], hints: [], others: [] },
    chainEnds: new Map(),
  };
}
