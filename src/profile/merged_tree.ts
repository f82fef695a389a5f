/**
 * Call chains with merged frames.
 *
 * @module
 */

import { CallTree, NO_NODE } from "./call_tree.ts";
import type { Place } from "./place.ts";
import type { Profile } from "./profile.ts";

/** A tree of chains of keys. */
export interface MergedTree {
  readonly tree: CallTree;
  /** The first frame of each key below the processes. */
  readonly places: readonly Place[];
  /** The merged node of each node of the profile's tree. */
  readonly nodeOf: Int32Array;
}

/** Merges frames with equal keys. Processes stay separate. */
export function mergeTree(
  { tree, places }: Profile,
  keyOf: (place: Place) => string,
): MergedTree {
  const merged: Place[] = [];
  const byKey = new Map<string, number>();
  const frames = places.map((place) => {
    const key = keyOf(place);
    let frame = byKey.get(key);
    if (frame === undefined) {
      frame = merged.push(place) - 1;
      byKey.set(key, frame);
    }
    return frame;
  });
  const result = new CallTree();
  const nodeOf = new Int32Array(tree.size);
  for (let node = 0; node < tree.size; node++) {
    const parent = tree.parentOf(node);
    const frame = tree.frameOf(node);
    nodeOf[node] = parent === NO_NODE
      ? result.child(NO_NODE, frame)
      : result.child(nodeOf[parent], frames[frame]);
    result.addWeight(nodeOf[node], tree.selfOf(node));
  }
  return { tree: result, places: merged, nodeOf };
}
