/**
 * The totals of functions, their callers and their callees.
 *
 * @module
 */

import { NONE, WHOLE } from "../src/profile/page_format.ts";
import type { Profile } from "./profile.ts";
import type { Amount, Amounts, Selection } from "./selection.ts";
import { visitSelected } from "./selection.ts";

/** The amounts of a function. */
export interface FunctionRow {
  readonly frame: number;
  /** Weight of its own instructions. */
  self: number;
  selfSamples: number;
  /** Weight of its own instructions and of those of its callees. */
  total: number;
  totalSamples: number;
}

/** A function in two recordings. */
export interface ComparedRow extends FunctionRow {
  /** The amounts in the recording that is not shown. */
  readonly other: FunctionRow;
  /** Change of the share of its own instructions, from before to after. */
  readonly change: number;
}

/** Returns the functions with samples. A recursive function is counted once. */
export function functionRows(
  { nodes, frames }: Profile,
  { self, selfSamples, total, totalSamples }: Amounts,
): FunctionRow[] {
  const rows = frames.map(({ index }): FunctionRow => ({
    ...{ frame: index, self: 0, selfSamples: 0, total: 0, totalSamples: 0 },
  }));
  const { count, frame, end } = nodes;
  /** The end of the outermost call of each function that is around the current node. */
  const ends = new Int32Array(frames.length);
  for (let node = 0; node < count; node++) {
    if (totalSamples[node] === 0) {
      node = end[node] - 1;
      continue;
    }
    const row = rows[frame[node]];
    row.self += self[node];
    row.selfSamples += selfSamples[node];
    if (node < ends[frame[node]]) continue;
    ends[frame[node]] = end[node];
    row.total += total[node];
    row.totalSamples += totalSamples[node];
  }
  return rows.filter(({ frame, totalSamples }) =>
    totalSamples > 0 && frames[frame].category !== "process"
  );
}

/** Column by which functions are sorted. */
export type SortKey = "self" | "total" | "name" | "change";

/** Returns sorted rows: amounts in descending order, names in alphabetical order. */
export function sortRows(
  rows: readonly FunctionRow[],
  key: SortKey,
  { frames }: Profile,
): FunctionRow[] {
  const byName = (a: FunctionRow, b: FunctionRow) =>
    compare(frames[a.frame].name, frames[b.frame].name);
  if (key === "name") return rows.toSorted(byName);
  if (key === "change") {
    const changeOf = (row: FunctionRow) =>
      "change" in row ? Math.abs((row as ComparedRow).change) : 0;
    return rows.toSorted((a, b) => changeOf(b) - changeOf(a) || byName(a, b));
  }
  const other = key === "self" ? "total" : "self";
  return rows.toSorted((a, b) =>
    b[key] - a[key] || b[other] - a[other] || byName(a, b)
  );
}

const compare = (a: string, b: string) => a < b ? -1 : a > b ? 1 : 0;

/** A function that calls another one or is called by it, with the samples of such calls. */
export interface Neighbor extends Amount {
  readonly frame: number;
}

/**
 * Returns the callers and the callees of a function, the greatest weight first. A sample
 * counts once for a neighbor, even if the function calls itself.
 */
export function neighborsOf(
  { nodes: { count, parent, frame, end }, frames }: Profile,
  { total, totalSamples }: Amounts,
  wanted: number,
): { callers: Neighbor[]; callees: Neighbor[] } {
  const callers = new Neighbors();
  const callees = new Neighbors();
  // A pair of caller and callee counts once in a chain, at its outermost call.
  const callerEnds = new Int32Array(frames.length);
  const calleeEnds = new Int32Array(frames.length);
  const add = (
    to: Neighbors,
    ends: Int32Array,
    neighbor: number,
    node: number,
  ) => {
    if (node < ends[neighbor]) return;
    ends[neighbor] = end[node];
    to.add(neighbor, total[node], totalSamples[node]);
  };
  for (let node = 1; node < count; node++) {
    if (totalSamples[node] === 0) {
      node = end[node] - 1;
      continue;
    }
    const caller = frame[parent[node]];
    const isProcess = frames[caller].category === "process";
    if (frame[node] === wanted && !isProcess) {
      add(callers, callerEnds, caller, node);
    }
    if (caller === wanted) add(callees, calleeEnds, frame[node], node);
  }
  return { callers: callers.sorted(), callees: callees.sorted() };
}

class Neighbors {
  readonly #byFrame = new Map<
    number,
    { frame: number; weight: number; samples: number }
  >();

  add(frame: number, weight: number, samples: number): void {
    const known = this.#byFrame.get(frame);
    if (!known) {
      this.#byFrame.set(frame, { frame, weight, samples });
      return;
    }
    known.weight += weight;
    known.samples += samples;
  }

  sorted(): Neighbor[] {
    return [...this.#byFrame.values()].sort((a, b) => b.weight - a.weight);
  }
}

/** Returns the weight of each line's own instructions. */
export function lineWeights(
  profile: Profile,
  selection: Selection,
): Float64Array {
  const weights = new Float64Array(profile.lines.length);
  const { line, weight } = profile.samples;
  visitSelected(profile, selection, (sample) => {
    if (line[sample] !== NONE) weights[line[sample]] += weight[sample];
  });
  return weights;
}

/** Returns the line with the greatest weight of each frame. */
export function hottestLines(
  { lines }: Profile,
  weights: Float64Array,
): Map<number, number> {
  const hottest = new Map<number, number>();
  for (const [line, { frame }] of lines.entries()) {
    const most = weights[hottest.get(frame) ?? NONE] ?? 0;
    if (weights[line] > most) hottest.set(frame, line);
  }
  return hottest;
}

/** Returns the amount of all selected samples. */
export function wholeOf({ total, totalSamples }: Amounts): Amount {
  return { weight: total[WHOLE], samples: totalSamples[WHOLE] };
}
