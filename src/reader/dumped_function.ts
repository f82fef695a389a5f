/**
 * Functions with what belongs to them.
 *
 * @module
 */

import {
  CodeLoad,
  DebugInfo,
  type DumpRecord,
  type LineEntry,
  UnwindingInfo,
} from "./dump_record.ts";

/** A function of a dump. It does not hold the code, so many fit in memory. */
export interface DumpedFunction {
  /** The function's name. */
  readonly name: string;
  /** Its number in its process. */
  readonly codeIndex: bigint;
  /** The process that made it. */
  readonly pid: number;
  /** The thread that made it. */
  readonly tid: number;
  /** Where its code was, until it moved. */
  readonly codeAddr: bigint;
  /** How many bytes of code it has. */
  readonly codeSize: number;
  /** Since when. */
  readonly timestamp: bigint;
  /** Where in the file its JIT_CODE_LOAD starts. */
  readonly offset: number;
  /** Its source lines, by their addresses; none where nothing was said of them. */
  readonly lines: readonly LineEntry[];
  /** How many bytes of unwinding tables it has. */
  readonly unwindingSize: number;
}

const NO_LINES: readonly LineEntry[] = [];

/** Most writers sort their lines. */
function sorted(lines: LineEntry[]): LineEntry[] {
  const isSorted = lines.every(({ codeAddr }, i) =>
    i === 0 || lines[i - 1].codeAddr <= codeAddr
  );
  return isSorted
    ? lines
    : lines.sort((a, b) => a.codeAddr < b.codeAddr ? -1 : 1);
}

/**
 * Puts records together as perf does: lines and unwinding tables belong to the next
 * function in the file.
 */
export class FunctionBuilder {
  #lines = NO_LINES;
  #unwindingSize = 0;

  /** Takes the next record of the file; gives the function that it completes. */
  add(record: DumpRecord): DumpedFunction | undefined {
    if (record instanceof DebugInfo) this.#lines = sorted(record.entries);
    if (record instanceof UnwindingInfo) {
      this.#unwindingSize = record.unwindingSize;
    }
    if (!(record instanceof CodeLoad)) return undefined;
    const fn: DumpedFunction = {
      name: record.functionName,
      codeIndex: record.codeIndex,
      pid: record.pid,
      tid: record.tid,
      codeAddr: record.codeAddr,
      codeSize: record.codeSize,
      timestamp: record.timestamp,
      offset: record.offset,
      lines: this.#lines,
      unwindingSize: this.#unwindingSize,
    };
    this.#lines = NO_LINES;
    this.#unwindingSize = 0;
    return fn;
  }
}
