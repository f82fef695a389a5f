/**
 * Two profiles as a page with a differential flame graph.
 *
 * @module
 */

import { CallTree, NO_NODE } from "./call_tree.ts";
import { chanceOf, comparedName } from "./diff.ts";
import type { FrameSymbol } from "./frame_symbol.ts";
import { hintText } from "./hint.ts";
import { pageOf } from "./page.ts";
import { framesOf, nodesOf } from "./page_data.ts";
import { NONE, type PageData, type PageRecording } from "./page_format.ts";
import type { Profile } from "./profile.ts";
import { unitOf } from "./unit.ts";

/** Id at the end of a process's label. */
const PID = / \d+$/;

/** Returns the page of two profiles of one event, which must have their samples. */
export function toDiffPage(
  profiles: readonly [Profile, Profile],
  names: readonly [string, string],
): Promise<string> {
  return pageOf(toDiffPageData(profiles, names));
}

/** Returns the data of the page of two profiles. */
export function toDiffPageData(
  profiles: readonly [Profile, Profile],
  names: readonly [string, string],
): PageData {
  const union = new Union();
  const nodesOfSamples = profiles.map((profile) => union.add(profile));
  const { nodes, indices } = nodesOf(union);
  const [before, after] = profiles;
  const samples = profiles.flatMap(({ timeline }, recording) =>
    Array.from(timeline.weight, (weight, i) => ({
      ...{ weight, thread: recording },
      node: indices[nodesOfSamples[recording][timeline.node[i]]],
    }))
  );
  const nothing = samples.map(() => NONE);
  return {
    title: names.join(" → "),
    event: after.event,
    unit: unitOf(after.event),
    lost: before.lost + after.lost,
    hints: profiles.flatMap(({ hints }, i) =>
      hints.map((hint) => `${names[i]}: ${hintText(hint)}`)
    ),
    comparison: {
      recordings: profiles.map((profile, i) => recordingOf(profile, names[i])),
      chance: chanceOf(before, after),
    },
    frames: framesOf(union, union),
    nodes,
    threads: names.map((name, recording) => ({
      ...{ pid: 0, tid: 0, name, processName: name, recording },
    })),
    samples: {
      time: samples.map(() => 0),
      thread: samples.map(({ thread }) => thread),
      node: samples.map(({ node }) => node),
      weight: samples.map(({ weight }) => weight),
      ...{ line: nothing, instruction: nothing },
    },
    files: [],
    lines: { frame: [], file: [], line: [] },
    ...{ code: [], sources: [] },
  };
}

function recordingOf(
  { recording, samples, weight }: Profile,
  name: string,
): PageRecording {
  const { command, host, startDate } = recording;
  return {
    ...{ name, host, startDate, samples, weight },
    command: command?.join(" "),
  };
}

/** The chains of several profiles in one tree, with functions matched by name and category. */
class Union {
  readonly tree = new CallTree();
  readonly symbols: FrameSymbol[] = [];
  readonly processes: string[] = [];
  readonly #byKey = new Map<string, number>();

  /** Adds a profile's chains; returns the node of each of its nodes. */
  add({ tree, symbols, processes }: Profile): Int32Array {
    const functions = symbols.map((symbol) => this.#functionOf(symbol));
    const roots = processes.map((label) => this.#processOf(label));
    const nodeOf = new Int32Array(tree.size);
    for (let node = 0; node < tree.size; node++) {
      const parent = tree.parentOf(node);
      const frame = tree.frameOf(node);
      nodeOf[node] = parent === NO_NODE
        ? this.tree.child(NO_NODE, roots[frame])
        : this.tree.child(nodeOf[parent], functions[frame]);
    }
    return nodeOf;
  }

  #functionOf(symbol: FrameSymbol): number {
    const { category, dso } = symbol;
    const name = comparedName(symbol);
    return this.#indexOf(
      `${category}\0${name}`,
      () => this.symbols.push({ name, category, dso }) - 1,
    );
  }

  /** Returns the process of a label; ids differ between recordings. */
  #processOf(label: string): number {
    const name = label.replace(PID, "");
    return this.#indexOf(name, () => this.processes.push(name) - 1);
  }

  #indexOf(key: string, add: () => number): number {
    let index = this.#byKey.get(key);
    if (index === undefined) this.#byKey.set(key, index = add());
    return index;
  }
}
