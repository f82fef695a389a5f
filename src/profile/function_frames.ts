/**
 * The frames of a dumped function, one for each line.
 *
 * @module
 */

import type { LineEntry } from "../reader/dump_record.ts";
import type { DumpedFunction } from "../reader/dumped_function.ts";

/** A frame without a number. */
export const UNNAMED = -1;

/** A function's frames: one for each line entry, and one for code without a line. */
export class FunctionFrames {
  // Plain arrays: most functions have few lines, and a typed array costs 200 bytes.
  /** Start offsets of lines, in order. */
  readonly #starts: number[];
  /** The frame of code before the first line, and that of each entry. */
  readonly #frames: number[];
  readonly #lines: readonly LineEntry[];

  constructor({ codeAddr }: DumpedFunction, lines: readonly LineEntry[]) {
    this.#lines = lines;
    this.#starts = lines.map((line) => Number(line.codeAddr - codeAddr));
    this.#frames = new Array(lines.length + 1).fill(UNNAMED);
  }

  /** Returns the index of an offset's line entry; −1 if it has none. */
  entryAt(offset: number): number {
    const starts = this.#starts;
    let [low, high] = [0, starts.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (starts[middle] > offset) high = middle;
      else low = middle + 1;
    }
    return low - 1;
  }

  /** Returns an entry's line; undefined for line 0, which means no line, as in DWARF. */
  lineOf(entry: number): LineEntry | undefined {
    const line = this.#lines[entry];
    return line?.line === 0 ? undefined : line;
  }

  /** Returns an entry's frame, or `UNNAMED`. */
  frameOf(entry: number): number {
    return this.#frames[entry + 1];
  }

  /** Sets an entry's frame. */
  setFrame(entry: number, frame: number): void {
    this.#frames[entry + 1] = frame;
  }
}
