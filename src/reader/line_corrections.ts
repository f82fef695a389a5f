/**
 * Faults of the lines of a dump, and their correction.
 *
 * @module
 */

import {
  FreedNames,
  isFreedName,
  isV8Function,
  V8_PAD,
  withOwnFiles,
} from "../v8.ts";
import type { LineEntry } from "./dump_record.ts";
import type { DumpedFunction } from "./dumped_function.ts";

/**
 * Number of bytes by which lines are late in dumps of V8 (Node 18 to 26), LLVM (14 to 21)
 * and Dart (3.13): the size of an ELF header, which perf 6.1 to 7.2 does not expect.
 */
export const LATE_BY = 0x40n;

/** Number of late functions that outweigh one with early lines: its record may be corrupt. */
const CONTRADICTED = 256;

/**
 * Corrects the lines of a dump. The evidence is the whole dump, not the names of functions:
 *
 * - Lines are {@linkcode LineCorrections.areLate | late} if no function has a line below its
 *   start + 0x40, and some have lines after their end. If the dump has the header of V8,
 *   no lines after an end are required.
 * - File names begin with freed memory if some have characters that no name has.
 *
 * All functions must therefore be added first.
 *
 * Correct lines are mistaken for late ones only if no function with lines has one in its
 * first 64 bytes, and some lines are after the code.
 */
export class LineCorrections {
  readonly #isV8: boolean;
  readonly #counts = { early: 0, late: 0, beyond: 0 };
  readonly #freedNames = new FreedNames();
  #firstFreed: DumpedFunction | undefined;
  #firstLate: DumpedFunction | undefined;

  /** @param header The dump's header; without it, only lines after an end are evidence. */
  constructor(header?: { readonly pad1: number }) {
    this.#isV8 = header?.pad1 === V8_PAD;
  }

  /** Adds a function of the dump. */
  add(fn: DumpedFunction): void {
    const { name, lines, codeAddr, codeSize } = fn;
    this.#freedNames.add(name);
    if (lines.length === 0) return;
    if (lines.some(({ file }) => isFreedName(file))) this.#firstFreed ??= fn;
    const first = lines[0].codeAddr - codeAddr;
    const last = lines[lines.length - 1].codeAddr - codeAddr;
    const size = BigInt(codeSize);
    if (first < LATE_BY) this.#counts.early++;
    // Lines further away belong to other code, and are no evidence.
    else if (last <= size + LATE_BY) {
      this.#counts.late++;
      this.#firstLate ??= fn;
      if (last > size) this.#counts.beyond++;
    }
  }

  /** True if each line's address is 0x40 too high. */
  get areLate(): boolean {
    const { early, late, beyond } = this.#counts;
    return early * CONTRADICTED <= late &&
      (beyond > 0 || this.#isV8 && late > 0);
  }

  /** True if no line needs a correction. */
  get areRight(): boolean {
    return this.#firstFreed === undefined && !this.areLate;
  }

  /** Number of functions whose lines are late. */
  get lateCount(): number {
    return this.areLate ? this.#counts.late : 0;
  }

  /** The first function whose lines are late. */
  get firstLate(): DumpedFunction | undefined {
    return this.areLate ? this.#firstLate : undefined;
  }

  /** The first function whose lines have file names that begin with freed memory. */
  get firstFreed(): DumpedFunction | undefined {
    return this.#firstFreed;
  }

  /** Returns a function's corrected lines. */
  linesOf({ name, lines }: DumpedFunction): readonly LineEntry[] {
    let corrected = lines;
    if (this.#firstFreed) {
      corrected = corrected.map((line) => ({
        ...line,
        file: this.#freedNames.restore(line.file, name),
      }));
    }
    if (this.areLate) {
      corrected = corrected.map((line) => ({
        ...line,
        codeAddr: line.codeAddr - LATE_BY,
      }));
      if (isV8Function(name)) corrected = withOwnFiles(corrected);
    }
    return corrected;
  }
}
