/**
 * The data of a page, made of a profile.
 *
 * @module
 */

import { NO_NODE } from "./call_tree.ts";
import { groupFrames, NO_GROUP } from "./frame_groups.ts";
import { functionKey, lineKey } from "./frame_symbol.ts";
import { hintText } from "./hint.ts";
import { type MergedTree, mergeTree } from "./merged_tree.ts";
import {
  NONE,
  type PageData,
  type PageFrames,
  type PageLines,
  type PageNodes,
} from "./page_format.ts";
import type { Profile } from "./profile.ts";
import { unitOf } from "./unit.ts";

/** Returns the data of a page. The profile must have its samples. */
export function toPageData(profile: Profile, title: string): PageData {
  const { recording, event, lost, hints, timeline } = profile;
  const merged = mergeTree(profile, functionKey);
  const { nodes, indexes } = nodesOf(merged);
  const { lines, ofFrame } = linesOf(profile);
  return {
    title,
    command: recording.command?.join(" "),
    host: recording.host,
    startDate: recording.startDate,
    ...{ event, unit: unitOf(event), lost, hints: hints.map(hintText) },
    frames: framesOf(profile, merged),
    nodes,
    threads: timeline.threads,
    samples: {
      time: differences(timeline.time),
      thread: [...timeline.thread],
      node: Array.from(timeline.node, (node) => indexes[merged.nodeOf[node]]),
      weight: shorten(timeline.weight),
      line: Array.from(
        timeline.node,
        (node) =>
          profile.tree.parentOf(node) === NO_NODE
            ? NONE
            : ofFrame[profile.tree.frameOf(node)],
      ),
    },
    lines,
  };
}

/** Returns the whole, the functions and the processes. */
function framesOf(
  { processes }: Profile,
  { symbols }: MergedTree,
): PageFrames {
  return {
    name: ["all", ...symbols.map(({ name }) => name), ...processes],
    category: [
      "process",
      ...symbols.map(({ category }) => category),
      ...processes.map(() => "process" as const),
    ],
    dso: ["", ...symbols.map(({ dso }) => dso), ...processes.map(() => "")],
  };
}

/** Returns the nodes below the whole, and their indexes by their number in the tree. */
function nodesOf(
  { tree, symbols }: MergedTree,
): { nodes: PageNodes; indexes: Int32Array } {
  const [depths, frames] = [[0], [0]];
  const indexes = new Int32Array(tree.size);
  let depth = 0;
  tree.visit((node) => {
    const isProcess = tree.parentOf(node) === NO_NODE;
    indexes[node] = depths.push(++depth) - 1;
    frames.push(1 + (isProcess ? symbols.length : 0) + tree.frameOf(node));
  }, () => depth--);
  return { nodes: { depth: depths, frame: frames }, indexes };
}

/** Returns the lines of functions, and the line of each frame of the profile. */
function linesOf(
  { symbols }: Profile,
): { lines: PageLines; ofFrame: Int32Array } {
  const functions = groupFrames(symbols, functionKey).ofFrame;
  const key = (symbol: Profile["symbols"][number]) => {
    const line = lineKey(symbol);
    return line && `${functionKey(symbol)}\0${line}`;
  };
  const { first, ofFrame } = groupFrames(symbols, key);
  const frame = new Int32Array(first.length);
  for (const [i, line] of ofFrame.entries()) {
    if (line !== NO_GROUP) frame[line] = 1 + functions[i];
  }
  const files = [...new Set(first.map(({ source }) => source!.file))];
  const indexes = new Map(files.map((file, i) => [file, i]));
  return {
    ofFrame,
    lines: {
      frame: [...frame],
      file: first.map(({ source }) => indexes.get(source!.file)!),
      line: first.map(({ source }) => source!.line),
      files,
    },
  };
}

/** Returns the difference of each number to the one before. */
function differences(numbers: Float64Array): number[] {
  return Array.from(numbers, (number, i) => number - (numbers[i - 1] ?? 0));
}

/** Returns the number if all are equal. */
function shorten(numbers: Float64Array): number[] | number {
  const [first = 0] = numbers;
  return numbers.every((number) => number === first) ? first : [...numbers];
}
