/**
 * Functions with their source lines and unwind info.
 *
 * @module
 */

import {
  type CodeLoad,
  type DebugInfo,
  type DumpRecord,
  type LineEntry,
  LINES_PADDED_TO,
} from "./dump_record.ts";
import { type JoinedLoad, RecordJoin } from "./record_join.ts";

/** A function of a dump, without its code, so that many fit in memory. */
export interface DumpedFunction {
  /** The function's name. */
  readonly name: string;
  /** Its code index. */
  readonly codeIndex: bigint;
  /** The process that compiled it. */
  readonly pid: number;
  /** The thread that compiled it. */
  readonly tid: number;
  /** The address of its code, before any move. */
  readonly codeAddr: bigint;
  /** Size of its code in bytes. */
  readonly codeSize: number;
  /** The timestamp of its JIT_CODE_LOAD. */
  readonly timestamp: bigint;
  /** Byte offset of its JIT_CODE_LOAD in the file. */
  readonly offset: number;
  /**
   * Its source lines in order of their addresses, as the dump records them; see
   * {@linkcode CodeTimeline.linesOf} for the corrected ones.
   */
  readonly lines: readonly LineEntry[];
  /** Size of its unwind info in bytes. */
  readonly unwindingSize: number;
  /** True if its JIT_CODE_LOAD is complete; a dump can end within its last record. */
  readonly isComplete: boolean;
}

const NO_LINES: readonly LineEntry[] = [];

/** The file name that V8's sources use for "the file of the previous entry": byte 0xff. */
const SAME_FILE = "\ufffd";

/**
 * Maximum distance of lines from the code: those of Erlang 25 begin up to 55 bytes before
 * it, and those of V8, LLVM and Dart are 0x40 bytes late.
 */
const TOLERANCE = 0x40n;

/**
 * Returns the entries of a load's lines. Entries far from the code, or bytes after the last
 * entry, are treated as parts of names that contain NULs.
 */
function entriesOf(lines: DebugInfo, load: CodeLoad): LineEntry[] {
  const start = load.codeAddr - TOLERANCE;
  const end = load.codeAddr + BigInt(load.codeSize) + TOLERANCE;
  const { entries } = lines;
  const areNear = entries.every(({ codeAddr }) =>
    start <= codeAddr && codeAddr <= end
  );
  const isWhole = lines.totalSize - lines.usedSize < LINES_PADDED_TO;
  if (areNear && isWhole) return entries;
  return lines.entriesIn(start, end) ?? entries;
}

/** Returns entries in order of their addresses, each with its file name. */
function orderedLines(lines: DebugInfo, load: CodeLoad): LineEntry[] {
  const entries = entriesOf(lines, load);
  let isSorted = true;
  for (let i = 1; i < entries.length; i++) {
    const { file } = entries[i - 1];
    if (entries[i].file === SAME_FILE) entries[i] = { ...entries[i], file };
    isSorted &&= entries[i - 1].codeAddr <= entries[i].codeAddr;
  }
  return isSorted
    ? entries
    : entries.sort((a, b) =>
      a.codeAddr < b.codeAddr ? -1 : a.codeAddr > b.codeAddr ? 1 : 0
    );
}

/** Returns the function that a load and its records describe. */
export function dumpedFunction(
  { load, lines, unwinding }: JoinedLoad,
): DumpedFunction {
  return {
    name: load.functionName,
    codeIndex: load.codeIndex,
    pid: load.pid,
    tid: load.tid,
    codeAddr: load.codeAddr,
    codeSize: load.codeSize,
    timestamp: load.timestamp,
    offset: load.offset,
    lines: lines ? orderedLines(lines, load) : NO_LINES,
    isComplete: load.isComplete,
    unwindingSize: unwinding?.unwindingSize ?? 0,
  };
}

/** Builds functions from the records of a dump; see {@linkcode RecordJoin} for the rules. */
export class FunctionBuilder {
  readonly #join = new RecordJoin();

  /** Adds the next record of the file; returns the function that it completes. */
  add(record: DumpRecord): DumpedFunction | undefined {
    const joined = this.#join.add(record);
    return joined && dumpedFunction(joined);
  }
}
