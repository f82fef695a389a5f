/**
 * Call chains as lines of text, which tools for flame graphs read.
 *
 * @module
 */

import { mergeTree } from "./merged_tree.ts";
import type { Profile } from "./profile.ts";

/** Replaces the separators of frames (semicolon) and of chains (line break) in a name. */
const clean = (name: string) => name.replace(/[;\n]/g, ":");

/** Yields `process;outermost;…;innermost weight`, a line for each distinct chain. */
export function* collapse(profile: Profile): Generator<string> {
  const { tree, symbols } = mergeTree(profile, ({ name }) => clean(name));
  const processes = profile.processes.map(clean);
  const names = symbols.map(({ name }) => clean(name));
  for (let node = 0; node < tree.size; node++) {
    const weight = tree.selfOf(node);
    if (weight === 0) continue;
    const [process, ...frames] = tree.chainOf(node);
    const chain = [processes[process], ...frames.map((frame) => names[frame])];
    yield `${chain.join(";")} ${weight}`;
  }
}
