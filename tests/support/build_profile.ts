/**
 * A builder of profiles.
 *
 * @module
 */

import { CallTree, NO_NODE } from "../../src/profile/call_tree.ts";
import type { FrameSymbol } from "../../src/profile/frame_symbol.ts";
import type { Profile, SampledInstruction } from "../../src/profile/profile.ts";
import { SourceMaps } from "../../src/profile/source_maps.ts";
import { SampleTable } from "../../src/profile/sample_table.ts";

/** A sample: its call chain, the outermost symbol first, and its weight. */
export interface Stack {
  /** Name and id of the process. */
  process: string;
  /** Its thread; defaults to the process's first one. */
  tid?: number;
  symbols: FrameSymbol[];
  weight: number;
  /** The instruction at which it ends. */
  instruction?: SampledInstruction;
}

/** Returns the symbol of a jitted function, or of one of its lines. */
export const at = (
  name: string,
  line?: number,
  file = "/a.calc",
): FrameSymbol => ({
  name,
  category: "jitted",
  dso: "",
  source: line === undefined ? undefined : { file, line },
});

/** The symbol of a native function that calls jitted ones. */
export const NATIVE_MAIN: FrameSymbol = {
  ...at("main"),
  category: "native",
  dso: "/bin/a",
};

const idOf = (process: string) => Number(process.split(" ").at(-1));

/** Builds a profile of samples, which are 1 ms apart. */
export function buildProfile(stacks: Iterable<Stack>): Profile {
  const tree = new CallTree();
  const processes: string[] = [];
  const indices = new Map<FrameSymbol, number>();
  const table = new SampleTable();
  const instructions: SampledInstruction[] = [];
  let [samples, weight] = [0, 0];
  for (const stack of stacks) {
    if (!processes.includes(stack.process)) processes.push(stack.process);
    let node = tree.child(NO_NODE, processes.indexOf(stack.process));
    for (const symbol of stack.symbols) {
      const index = indices.get(symbol) ?? indices.size;
      indices.set(symbol, index);
      node = tree.child(node, index);
    }
    tree.addWeight(node, stack.weight);
    const pid = idOf(stack.process);
    table.add(
      { pid, tid: stack.tid ?? pid },
      1e6 * samples++,
      node,
      stack.weight,
      stack.instruction && instructions.push(stack.instruction) - 1,
    );
    weight += stack.weight;
  }
  return {
    ...{ tree, processes, samples, weight, event: "cpu-clock" },
    ...{ symbols: [...indices.keys()], dumps: [], hints: [], others: [] },
    instructions,
    chainEnds: new Map(),
    lost: 0,
    duration: 1e6 * Math.max(samples - 1, 0),
    timeline: table.sorted((id) =>
      processes.find((name) => idOf(name) === id)?.replace(/ \d+$/, "") ??
        `thread ${id}`
    ),
    sourceMaps: new SourceMaps(undefined),
    recording: {
      command: ["perf", "record", "a program"],
      host: "host",
      os: "6.1",
      arch: "x86_64",
      cpu: "a processor",
      startDate: Date.UTC(2025, 0, 1),
    },
  };
}
