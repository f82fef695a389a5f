/**
 * Checks of source lines.
 *
 * @module
 */

import type { DebugInfo, LineEntry } from "./dump_record.ts";
import { type DumpedFunction, dumpedFunction } from "./dumped_function.ts";
import { EVERY_PERF, type Finding, Findings, PERF_6_1 } from "./finding.ts";
import { hex } from "./hex.ts";
import { LATE_BY, LineCorrections } from "./line_corrections.ts";
import type { JoinedLoad } from "./record_join.ts";
import type { DumpHeader } from "./record_scanner.ts";

/** The decoded file name 0xff, which is not UTF-8. */
const SAME_FILE = "\ufffd";

const ORDER =
  "Write the lines of each function directly before its JIT_CODE_LOAD.";

/** Checks the lines of each function, and those of the whole dump at its end. */
export class LineChecks {
  readonly #findings: Findings;
  readonly #corrections: LineCorrections;
  /** Findings that hold only if the dump's lines are not late. */
  readonly #unlessLate = new Findings();
  /** Findings that hold only if file names are not freed memory. */
  readonly #unlessFreed = new Findings();
  /** Lines directly before the load of another function, by their offset in the file. */
  readonly #misplaced = new Map<
    number,
    { codeAddr: bigint; name: string; start: bigint }
  >();
  /** Offsets of lines whose load cannot be read. */
  readonly #suppressed = new Set<number>();
  /** The last lines since the last load. */
  #preceding: DebugInfo | undefined;

  constructor(header: DumpHeader, findings: Findings) {
    this.#corrections = new LineCorrections(header);
    this.#findings = findings;
  }

  /** Checks a record of lines before its load. */
  checkRecord(lines: DebugInfo): void {
    if (this.#preceding?.codeAddr === lines.codeAddr) {
      this.reportUnclaimed(this.#preceding);
    }
    this.#preceding = lines;
  }

  /** Suppresses findings about the last lines: their load cannot be read, which is reported. */
  suppress(): void {
    if (this.#preceding) this.#suppressed.add(this.#preceding.offset);
    this.#preceding = undefined;
  }

  /** Checks the lines of a load. */
  checkLoad(joined: JoinedLoad): void {
    const { load, lines, precedingLines } = joined;
    this.#preceding = undefined;
    const fn = dumpedFunction(joined);
    this.#corrections.add(fn);
    if (lines && lines !== precedingLines) {
      this.#misplaced.delete(lines.offset);
      this.#findings.error(
        "order of records",
        lines.offset,
        EVERY_PERF,
        `the lines of "${fn.name}" are not directly before its JIT_CODE_LOAD; perf drops them`,
        ORDER,
      );
    } else if (
      precedingLines && !lines && !this.#suppressed.has(precedingLines.offset)
    ) {
      this.#misplaced.set(precedingLines.offset, {
        codeAddr: precedingLines.codeAddr,
        name: fn.name,
        start: load.codeAddr,
      });
    }
    if (!lines || fn.lines.every(isNowhere)) return;
    this.#checkEntries(fn, lines);
    this.#checkFiles(lines);
  }

  /** Reports lines that belong to no load. */
  reportUnclaimed({ offset, codeAddr }: DebugInfo): void {
    if (this.#misplaced.has(offset) || this.#suppressed.has(offset)) return;
    this.#findings.error(
      "lines without function",
      offset,
      EVERY_PERF,
      `no function follows the lines of the code at ${
        hex(codeAddr)
      }; perf drops them`,
      ORDER,
    );
  }

  /** Returns the findings that depend on the whole dump. */
  checkEnd(): Finding[] {
    const findings = new Findings();
    for (const [offset, { codeAddr, name, start }] of this.#misplaced) {
      findings.error(
        "lines of another function",
        offset,
        EVERY_PERF,
        `the lines describe the code at ${
          hex(codeAddr)
        }; perf assigns them to "${name}" at ${
          hex(start)
        }, the next function in the file`,
        ORDER,
      );
    }
    const { firstFreed, firstLate, lateCount } = this.#corrections;
    if (firstFreed) {
      findings.error(
        "freed memory",
        firstFreed.offset,
        EVERY_PERF,
        `file names of lines begin with freed memory, as Node 18 to 24 writes them (first for "${firstFreed.name}"); perf shows wrong names for these files, and wrong lines after them`,
        "Use Node 26, or jitdump report, which restores the names.",
      );
      this.#unlessFreed.take();
    }
    if (firstLate) {
      findings.error(
        "late lines",
        firstLate.offset,
        EVERY_PERF,
        `the lines of ${lateCount} functions are ${
          hex(LATE_BY)
        } bytes too late, as V8, LLVM and Dart write them; perf shows each line that many bytes after its code`,
        "Write the addresses of the code itself, or use jitdump report, which corrects them.",
      );
      this.#unlessLate.take();
    }
    const others = [...this.#unlessFreed.take(), ...this.#unlessLate.take()];
    return [...findings.take(), ...others];
  }

  #checkEntries(fn: DumpedFunction, { offset }: DebugInfo): void {
    const { name, lines, codeAddr: start, codeSize } = fn;
    const end = start + BigInt(codeSize);
    const first = lines[0].codeAddr;
    const last = lines[lines.length - 1].codeAddr;
    if (first >= end || last <= start) {
      this.#unlessLate.warning(
        "lines outside the code",
        offset,
        EVERY_PERF,
        `the lines of "${name}" cover ${hex(first)} to ${
          hex(last)
        }, but its code is at ${hex(start)} to ${
          hex(end)
        }; perf shows none of them`,
        "Write at least two entries, from the start of the code to its end.",
      );
    } else if (last < end) {
      this.#unlessLate.warning(
        "last line",
        offset,
        EVERY_PERF,
        `the last line entry of "${name}" is at ${
          hex(last)
        }, but its code ends at ${
          hex(end)
        }; perf shows no line for the code from there on`,
        "Write one more entry at the end of the code.",
      );
    }
  }

  #checkFiles({ offset, entries }: DebugInfo): void {
    if (!entries.some(({ file }) => file === SAME_FILE)) return;
    this.#unlessFreed.error(
      "same file",
      offset,
      PERF_6_1,
      "a line entry has the byte 0xff for the preceding entry's file; perf 6.1 shows a file of that name",
      "Write the file name into each entry.",
    );
  }
}

/**
 * Returns whether an entry names neither a file nor a line. QEMU 11 writes such an entry for
 * each function.
 */
const isNowhere = ({ file, line }: LineEntry) => file === "" && line === 0;
