/**
 * The data of a page, created from a profile.
 *
 * @module
 */

import { NO_NODE } from "./call_tree.ts";
import { type ListedCode, NO_CODE } from "./code_listing.ts";
import { groupFrames, NO_GROUP } from "./frame_groups.ts";
import { type FrameSymbol, functionKey, lineKey } from "./frame_symbol.ts";
import { hintText } from "./hint.ts";
import { type MergedTree, mergeTree } from "./merged_tree.ts";
import {
  NONE,
  type PageCode,
  type PageData,
  type PageFrames,
  type PageLines,
  type PageNodes,
  type PageSource,
} from "./page_format.ts";
import type { Profile } from "./profile.ts";
import { unitOf } from "./unit.ts";

/** Returns the data of a page. The profile must have its samples. */
export function toPageData(
  profile: Profile,
  title: string,
  code: ListedCode = NO_CODE,
): PageData {
  const { recording, event, lost, hints, timeline } = profile;
  const merged = mergeTree(profile, functionKey);
  const { nodes, indices } = nodesOf(merged);
  const files = new Files();
  const { lines, ofFrame } = linesOf(profile, files);
  const node = Array.from(
    timeline.node,
    (node) => indices[merged.nodeOf[node]],
  );
  const functions = Array.from(node, (node) => nodes.frame[node]);
  const listed = codeOf(profile, code, functions, files);
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
      node,
      weight: shorten(timeline.weight),
      line: Array.from(
        timeline.node,
        (node) =>
          profile.tree.parentOf(node) === NO_NODE
            ? NONE
            : ofFrame[profile.tree.frameOf(node)],
      ),
      instruction: listed.ofSample,
    },
    lines,
    code: listed.code,
    sources: sourcesOf(code, lines, listed.code, files),
    files: files.all,
  };
}

/** Returns the whole, the functions and the processes. */
export function framesOf(
  { processes }: Pick<Profile, "processes">,
  { symbols }: Pick<MergedTree, "symbols">,
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

/** Returns the page's nodes, and the index of each node of the tree among them. */
export function nodesOf(
  { tree, symbols }: Pick<MergedTree, "tree" | "symbols">,
): { nodes: PageNodes; indices: Int32Array } {
  const [depths, frames] = [[0], [0]];
  const indices = new Int32Array(tree.size);
  let depth = 0;
  tree.visit((node) => {
    const isProcess = tree.parentOf(node) === NO_NODE;
    indices[node] = depths.push(++depth) - 1;
    frames.push(1 + (isProcess ? symbols.length : 0) + tree.frameOf(node));
  }, () => depth--);
  return { nodes: { depth: depths, frame: frames }, indices };
}

/** The files of a page, each once. */
class Files {
  readonly all: string[] = [];
  readonly #indices = new Map<string, number>();

  /** Returns the index of a file. */
  add(file: string): number {
    let index = this.#indices.get(file);
    if (index === undefined) {
      index = this.all.push(file) - 1;
      this.#indices.set(file, index);
    }
    return index;
  }
}

/** Returns the lines of functions, and the line of each frame of the profile. */
function linesOf(
  { symbols }: Profile,
  files: Files,
): { lines: PageLines; ofFrame: Int32Array } {
  const functions = groupFrames(symbols, functionKey).ofFrame;
  const key = (symbol: FrameSymbol) => {
    const line = lineKey(symbol);
    return line && `${functionKey(symbol)}\0${line}`;
  };
  const { first, ofFrame } = groupFrames(symbols, key);
  const frame = new Int32Array(first.length);
  for (const [i, line] of ofFrame.entries()) {
    if (line !== NO_GROUP) frame[line] = 1 + functions[i];
  }
  return {
    ofFrame,
    lines: {
      frame: [...frame],
      file: first.map(({ source }) => files.add(source!.file)),
      line: first.map(({ source }) => source!.line),
    },
  };
}

/**
 * Returns the functions with instructions, and the instruction of each sample.
 *
 * @param functions The function of each sample.
 */
function codeOf(
  { timeline, instructions }: Profile,
  { listings }: ListedCode,
  functions: readonly number[],
  files: Files,
): { code: PageCode[]; ofSample: number[] } {
  const key = (dump: string, position: number) => `${position}\0${dump}`;
  const byFunction = new Map<string, Map<number, number>>();
  let count = 0;
  for (const { dump, position, instructions } of listings) {
    byFunction.set(
      key(dump, position),
      new Map(instructions.map(({ offset }) => [offset, count++])),
    );
  }
  const indices = instructions.map(({ dump, position, offset }) =>
    byFunction.get(key(dump, position))?.get(offset) ?? NONE
  );
  const ofSample = Array.from(
    timeline.instruction,
    (instruction) => indices[instruction] ?? NONE,
  );
  const frames = new Int32Array(count);
  for (const [sample, instruction] of ofSample.entries()) {
    if (instruction !== NONE) frames[instruction] = functions[sample];
  }
  let first = 0;
  const code = listings.map(({ place, instructions }): PageCode => {
    const own = frames.subarray(first, first += instructions.length);
    return {
      frame: own.find((frame) => frame > 0) ?? NONE,
      place,
      offset: instructions.map(({ offset }) => offset),
      text: instructions.map(({ text }) => text),
      file: instructions.map(({ source }) =>
        source ? files.add(source.file) : NONE
      ),
      line: instructions.map(({ source }) => source?.line ?? NONE),
    };
  });
  return { code, ofSample };
}

/** Number of lines before and after a function's lines that a page contains too. */
const AROUND = 2;

/** Maximum number of lines of a file for one function. */
const LONGEST = 500;

/** Returns the sources of functions. */
function sourcesOf(
  { sourceOf }: ListedCode,
  lines: PageLines,
  code: readonly PageCode[],
  files: Files,
): PageSource[] {
  const ranges = new Map<string, { first: number; last: number }>();
  const add = (frame: number, file: number, line: number) => {
    if (file === NONE) return;
    const range = ranges.get(`${frame} ${file}`);
    if (!range) ranges.set(`${frame} ${file}`, { first: line, last: line });
    else {
      range.first = Math.min(range.first, line);
      range.last = Math.max(range.last, line);
    }
  };
  for (const [i, frame] of lines.frame.entries()) {
    add(frame, lines.file[i], lines.line[i]);
  }
  for (const { frame, file, line } of code) {
    for (let i = 0; i < file.length; i++) add(frame, file[i], line[i]);
  }
  const wanted = new Map<number, Set<number>>();
  for (const [key, { first, last }] of ranges) {
    const file = Number(key.split(" ")[1]);
    let numbers = wanted.get(file);
    if (!numbers) wanted.set(file, numbers = new Set());
    const end = Math.min(last, first + LONGEST) + AROUND;
    for (let line = first - AROUND; line <= end; line++) numbers.add(line);
  }
  const sources: PageSource[] = [];
  for (const [file, numbers] of wanted) {
    const source = sourceOf(files.all[file]);
    const line = [...numbers].filter((number) =>
      source?.[number - 1] !== undefined
    ).sort((a, b) => a - b);
    if (!source || line.length === 0) continue;
    sources.push({
      file,
      line,
      text: line.map((number) => source[number - 1]),
    });
  }
  return sources;
}

/** Returns the difference between each number and the preceding one. */
function differences(numbers: Float64Array): number[] {
  return Array.from(numbers, (number, i) => number - (numbers[i - 1] ?? 0));
}

/** Returns one number if all are equal, else an array of all. */
function shorten(numbers: Float64Array): number[] | number {
  const [first = 0] = numbers;
  return numbers.every((number) => number === first) ? first : [...numbers];
}
