/**
 * Folding of runs of frames without names into one frame.
 *
 *     recorded   main ─ [deno] ─ [deno] ─ [deno] ─ f
 *     folded     main ─ [deno] ─ f
 *
 * All functions of a file without symbols, such as Deno's binary, have the same name. Several
 * such frames in a row mean no more than one. Functions with names are never folded, because
 * recursion is a fact of the program.
 *
 * @module
 */

import { CallTree, NO_NODE } from "./call_tree.ts";
import { groupFrames, NO_GROUP } from "./frame_groups.ts";
import { type FrameSymbol, functionKey } from "./frame_symbol.ts";
import type { Profile } from "./profile.ts";

/** Names of code without symbols, such as `[deno]`. */
const STAND_IN = /^\[.*\]$/;

/** Returns the key of code without a name. Jitted functions may have any name. */
function unnamedKey(symbol: FrameSymbol): string | undefined {
  const { name, category } = symbol;
  const isNamed = category === "jitted" || category === "javascript" ||
    !STAND_IN.test(name);
  return isNamed ? undefined : functionKey(symbol);
}

/** Folds runs of equal frames without names. Weights and samples do not change. */
export function foldUnnamed(profile: Profile): Profile {
  const { tree, symbols, timeline } = profile;
  const { ofFrame } = groupFrames(symbols, unnamedKey);
  const folded = new CallTree();
  const nodeOf = new Int32Array(tree.size);
  for (let node = 0; node < tree.size; node++) {
    const parent = tree.parentOf(node);
    const frame = tree.frameOf(node);
    const caller = parent === NO_NODE ? NO_NODE : nodeOf[parent];
    const isProcess = caller === NO_NODE || folded.parentOf(caller) === NO_NODE;
    const isRepeated = !isProcess && ofFrame[frame] !== NO_GROUP &&
      ofFrame[frame] === ofFrame[folded.frameOf(caller)];
    nodeOf[node] = isRepeated ? caller : folded.child(caller, frame);
    folded.addWeight(nodeOf[node], tree.selfOf(node));
  }
  return {
    ...profile,
    tree: folded,
    timeline: {
      ...timeline,
      node: Int32Array.from(timeline.node, (node) => nodeOf[node]),
    },
  };
}
