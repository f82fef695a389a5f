/**
 * The source and the instructions of functions, with their weights.
 *
 * @module
 */

import { NONE } from "../src/profile/page_format.ts";
import type { Profile } from "./profile.ts";
import { type Selection, visitSelected } from "./selection.ts";
import type { Place } from "./state.ts";

/** A source line with the weight of its own instructions. */
export interface SourceRow extends Place {
  /** Text of the line; undefined if the source is not on the page. */
  readonly text: string | undefined;
  readonly weight: number;
}

/** An instruction with its weight. */
export interface InstructionRow {
  /** Offset from the function's start, in bytes. */
  readonly offset: number;
  readonly text: string;
  readonly place: Place | undefined;
  readonly weight: number;
}

/** The instructions of a function that was compiled once. */
export interface Compilation {
  /** Size, address and code index. */
  readonly place: string;
  readonly weight: number;
  readonly rows: readonly InstructionRow[];
}

/** The source and the instructions of a function. */
export interface FunctionCode {
  /** The lines of each file, in their order. */
  readonly sources: readonly (readonly SourceRow[])[];
  /** The compilations of the function, the hottest first. */
  readonly compilations: readonly Compilation[];
}

/** Returns the weight of each instruction; those of all functions are in one column. */
export function instructionWeights(
  profile: Profile,
  selection: Selection,
): Float64Array {
  const last = profile.code.at(-1);
  const count = last ? last.first + last.offset.length : 0;
  const weights = new Float64Array(count);
  const { instruction, weight } = profile.samples;
  visitSelected(profile, selection, (sample) => {
    const index = instruction[sample];
    if (index !== NONE) weights[index] += weight[sample];
  });
  return weights;
}

/** Returns the source and the instructions of a function. */
export function codeOf(
  profile: Profile,
  frame: number,
  lineWeights: Float64Array,
  instructionWeights: Float64Array,
): FunctionCode {
  const compilations = profile.code.filter((code) => code.frame === frame)
    .map(({ first, place, offset, text, file, line }): Compilation => {
      const rows = offset.map((offset, i): InstructionRow => ({
        ...{ offset, text: text[i], weight: instructionWeights[first + i] },
        place: file[i] === NONE ? undefined : { file: file[i], line: line[i] },
      }));
      const weight = rows.reduce((sum, { weight }) => sum + weight, 0);
      return { place, weight, rows };
    })
    .sort((a, b) => b.weight - a.weight);
  return {
    compilations,
    sources: sourceRows(profile, frame, lineWeights, compilations),
  };
}

/** Number of lines before and after a function's lines that are shown too. */
const AROUND = 2;

function sourceRows(
  { lines, data }: Profile,
  frame: number,
  lineWeights: Float64Array,
  compilations: readonly Compilation[],
): SourceRow[][] {
  /** The weights of the function's lines, by file. */
  const files = new Map<number, Map<number, number>>();
  const add = ({ file, line }: Place, weight: number) => {
    let weights = files.get(file);
    if (!weights) files.set(file, weights = new Map());
    weights.set(line, (weights.get(line) ?? 0) + weight);
  };
  for (const [i, line] of lines.entries()) {
    if (line.frame === frame) add(line, lineWeights[i]);
  }
  for (const { rows } of compilations) {
    for (const { place } of rows) if (place) add(place, 0);
  }
  return Array.from(files, ([file, weights]) => {
    const source = data.sources.find((source) => source.file === file);
    const own = [...weights.keys()];
    const first = own.reduce((a, b) => Math.min(a, b)) - AROUND;
    const last = own.reduce((a, b) => Math.max(a, b)) + AROUND;
    const texts = new Map(
      source?.line.map((line, i) => [line, source.text[i]] as const)
        .filter(([line]) => first <= line && line <= last),
    );
    const all = new Set([...own, ...texts.keys()]);
    return [...all].sort((a, b) => a - b).map((line): SourceRow => ({
      ...{ file, line, text: texts.get(line), weight: weights.get(line) ?? 0 },
    }));
  }).sort((a, b) => sum(b) - sum(a));
}

const sum = (rows: readonly SourceRow[]) =>
  rows.reduce((sum, { weight }) => sum + weight, 0);
