/**
 * The call stacks of a profile in columns, as file formats store them.
 *
 * @module
 */

import { type CallTree, NO_NODE } from "./call_tree.ts";

/** The stacks of a tree, callers before their callees. */
export interface StackTable {
  /** The stack of each stack's caller, or `NO_NODE`. */
  readonly parent: number[];
  /** The innermost frame of each stack. */
  readonly frame: number[];
  /** The stack of each node of the tree; `NO_NODE` for processes, whose stack is empty. */
  readonly ofNode: Int32Array;
}

/** Returns the stacks of a tree. */
export function stacksOf(tree: CallTree): StackTable {
  const ofNode = new Int32Array(tree.size).fill(NO_NODE);
  const parent: number[] = [];
  const frame: number[] = [];
  for (let node = 0; node < tree.size; node++) {
    const caller = tree.parentOf(node);
    if (caller === NO_NODE) continue;
    ofNode[node] = frame.push(tree.frameOf(node)) - 1;
    parent.push(ofNode[caller]);
  }
  return { parent, frame, ofNode };
}
