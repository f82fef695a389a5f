/**
 * Call chains with merged frames.
 *
 * @module
 */

import { CallTree, NO_NODE } from "./call_tree.ts";
import { groupFrames } from "./frame_groups.ts";
import type { FrameSymbol } from "./frame_symbol.ts";
import type { Profile } from "./profile.ts";

/** A call tree with merged frames. */
export interface MergedTree {
  readonly tree: CallTree;
  /** The first frame of each key. */
  readonly symbols: readonly FrameSymbol[];
  /** The merged node of each node of the profile's tree. */
  readonly nodeOf: Int32Array;
}

/** Merges frames with equal keys. Processes stay separate. */
export function mergeTree(
  { tree, symbols }: Profile,
  keyOf: (symbol: FrameSymbol) => string,
): MergedTree {
  const { first, ofFrame } = groupFrames(symbols, keyOf);
  const result = new CallTree();
  const nodeOf = new Int32Array(tree.size);
  for (let node = 0; node < tree.size; node++) {
    const parent = tree.parentOf(node);
    const frame = tree.frameOf(node);
    nodeOf[node] = parent === NO_NODE
      ? result.child(NO_NODE, frame)
      : result.child(nodeOf[parent], ofFrame[frame]);
    result.addWeight(nodeOf[node], tree.selfOf(node));
  }
  return { tree: result, symbols: first, nodeOf };
}
