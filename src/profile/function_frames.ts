/**
 * The frames of a dump's functions, one for each line.
 *
 * @module
 */

import type { FunctionTable } from "../reader/function_table.ts";

/** Result for a frame that has not been symbolized yet. */
export const UNNAMED = -1;

/** The frames of all functions: one for each line entry, and one for code without a line. */
export class FunctionFrames {
  /** Frames of line entries, then those of functions. */
  readonly #frames: Int32Array;
  readonly #lineCount: number;

  constructor({ lineCount, size }: FunctionTable) {
    this.#lineCount = lineCount;
    this.#frames = new Int32Array(lineCount + size).fill(UNNAMED);
  }

  /**
   * Returns a frame, or `UNNAMED`.
   *
   * @param entry The index of a line entry; −1 for code without a line.
   */
  get(fn: number, entry: number): number {
    return this.#frames[entry < 0 ? this.#lineCount + fn : entry];
  }

  /** Sets a frame. */
  set(fn: number, entry: number, frame: number): void {
    this.#frames[entry < 0 ? this.#lineCount + fn : entry] = frame;
  }
}
