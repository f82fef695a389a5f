/**
 * The data of a page, which is JSON in it.
 *
 * @module
 */

import type { Category } from "./frame_symbol.ts";
import type { Unit } from "./unit.ts";

/** Category of a page's frame; the whole and processes are frames too. */
export type PageCategory = Category | "process";

/** Index of the root, the whole profile, in the nodes and in the frames of a page. */
export const WHOLE = 0;

/** Value of a missing index in a column of indices. */
export const NONE = -1;

/** The data of a page. Columns of one object have equal lengths. */
export interface PageData {
  readonly title: string;
  /** The recording command. */
  readonly command?: string;
  readonly host?: string;
  /** Milliseconds since 1970 at the recording's earliest record. */
  readonly startDate?: number;
  readonly event: string;
  /** The unit of weights. */
  readonly unit: Unit;
  /** Number of lost records. */
  readonly lost: number;
  /** Sentences on the quality of the profile. */
  readonly hints: readonly string[];
  /** The comparison, if the page has two recordings. */
  readonly comparison?: PageComparison;
  readonly frames: PageFrames;
  readonly nodes: PageNodes;
  readonly threads: readonly PageThread[];
  readonly samples: PageSamples;
  /** The files to which lines, instructions and sources refer. */
  readonly files: readonly string[];
  readonly lines: PageLines;
  /** The functions with instructions. */
  readonly code: readonly PageCode[];
  readonly sources: readonly PageSource[];
}

/** Two recordings that are compared. */
export interface PageComparison {
  /** The recording before a change and the one after it. */
  readonly recordings: readonly PageRecording[];
  /** The change of a share that can be due to chance. */
  readonly chance: number;
}

/** A recording that is compared. */
export interface PageRecording {
  readonly name: string;
  readonly command?: string;
  readonly host?: string;
  readonly startDate?: number;
  readonly samples: number;
  readonly weight: number;
}

/** Functions and processes. The first frame is the whole. */
export interface PageFrames {
  readonly name: readonly string[];
  readonly category: readonly PageCategory[];
  /** Path of the code's file; empty if it has none. */
  readonly dso: readonly string[];
}

/** The call tree, each caller directly before its callees. The first node is the whole. */
export interface PageNodes {
  readonly depth: readonly number[];
  readonly frame: readonly number[];
}

/** A thread with samples. */
export interface PageThread {
  readonly pid: number;
  readonly tid: number;
  readonly name: string;
  readonly processName: string;
  /** Index of its recording, if the page compares two. */
  readonly recording?: number;
}

/** The samples in the order of time. */
export interface PageSamples {
  /** Nanoseconds since the preceding sample, or since the recording's earliest record. */
  readonly time: readonly number[];
  /** Indices of threads. */
  readonly thread: readonly number[];
  /** The node at which the sample's chain ends. */
  readonly node: readonly number[];
  /** Weights, or the weight of every sample. */
  readonly weight: readonly number[] | number;
  /** The innermost frame's line, or {@linkcode NONE}. */
  readonly line: readonly number[];
  /** Indices of the instructions of all {@linkcode PageCode} in a row, or {@linkcode NONE}. */
  readonly instruction: readonly number[];
}

/** Lines of functions. */
export interface PageLines {
  readonly frame: readonly number[];
  readonly file: readonly number[];
  readonly line: readonly number[];
}

/** The instructions of a function. */
export interface PageCode {
  readonly frame: number;
  /** Size, address and code index of the function. */
  readonly place: string;
  /** Offsets from the function's start, in bytes. */
  readonly offset: readonly number[];
  readonly text: readonly string[];
  /** Files of the source lines, or {@linkcode NONE}. */
  readonly file: readonly number[];
  readonly line: readonly number[];
}

/** The lines of a source file that a page contains, in order. */
export interface PageSource {
  readonly file: number;
  readonly line: readonly number[];
  readonly text: readonly string[];
}
