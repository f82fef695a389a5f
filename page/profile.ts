/**
 * The profile of a page, in columns.
 *
 * @module
 */

import {
  NONE,
  type PageCategory,
  type PageCode,
  type PageData,
  type PageThread,
} from "../src/profile/page_format.ts";

/** A function, a process or the whole. */
export interface Frame {
  readonly index: number;
  readonly name: string;
  readonly category: PageCategory;
  /** Path of the code's file; empty if it has none. */
  readonly dso: string;
}

/** A line of a function. */
export interface Line {
  readonly frame: number;
  /** Index of the file. */
  readonly file: number;
  readonly line: number;
}

/** The instructions of a function. */
export interface Code extends PageCode {
  /** Index of its first instruction among those of all functions. */
  readonly first: number;
}

/** The call tree. A node is directly before its callees, so that each subtree is a range. */
export interface Nodes {
  readonly count: number;
  readonly parent: Int32Array;
  readonly frame: Int32Array;
  /** The first node after the subtree of each node. */
  readonly end: Int32Array;
}

/** The samples in the order of time. */
export interface Samples {
  readonly count: number;
  /** Nanoseconds since the recording's earliest record. */
  readonly time: Float64Array;
  readonly thread: Int32Array;
  readonly node: Int32Array;
  readonly weight: Float64Array;
  /** Indices of lines, or −1. */
  readonly line: Int32Array;
  /** Indices of the instructions of all functions, or −1. */
  readonly instruction: Int32Array;
}

/** The profile of a page. */
export interface Profile {
  readonly data: PageData;
  readonly frames: readonly Frame[];
  readonly nodes: Nodes;
  readonly lines: readonly Line[];
  readonly code: readonly Code[];
  readonly threads: readonly PageThread[];
  readonly samples: Samples;
}

/** Returns the profile of a page's data. */
export function profileOf(data: PageData): Profile {
  const { frames, lines, samples } = data;
  return {
    data,
    frames: frames.name.map((name, index) => ({
      ...{ index, name },
      category: frames.category[index],
      dso: frames.dso[index],
    })),
    nodes: nodesOf(data),
    lines: lines.frame.map((frame, i) => ({
      ...{ frame, file: lines.file[i], line: lines.line[i] },
    })),
    code: data.code.map((code, i) => ({
      ...code,
      first: data.code.slice(0, i).reduce(
        (sum, { offset }) => sum + offset.length,
        0,
      ),
    })),
    threads: data.threads,
    samples: {
      count: samples.time.length,
      time: sums(samples.time),
      thread: Int32Array.from(samples.thread),
      node: Int32Array.from(samples.node),
      weight: typeof samples.weight === "number"
        ? new Float64Array(samples.time.length).fill(samples.weight)
        : Float64Array.from(samples.weight),
      line: Int32Array.from(samples.line),
      instruction: Int32Array.from(samples.instruction),
    },
  };
}

function nodesOf({ nodes: { depth, frame } }: PageData): Nodes {
  const count = depth.length;
  const parent = new Int32Array(count).fill(NONE);
  const end = new Int32Array(count).fill(count);
  /** The nodes around the current one, by their depth. */
  const around: number[] = [];
  for (let node = 0; node < count; node++) {
    while (around.length > depth[node]) end[around.pop()!] = node;
    parent[node] = around.at(-1) ?? NONE;
    around.push(node);
  }
  return { count, parent, end, frame: Int32Array.from(frame) };
}

function sums(differences: readonly number[]): Float64Array {
  let sum = 0;
  return Float64Array.from(differences, (difference) => sum += difference);
}
