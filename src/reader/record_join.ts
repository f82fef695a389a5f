/**
 * The join of lines and unwind info to functions.
 *
 * @module
 */

import {
  CodeLoad,
  DebugInfo,
  type DumpRecord,
  UnwindingInfo,
} from "./dump_record.ts";

/** A JIT_CODE_LOAD with the records that belong to it. */
export interface JoinedLoad {
  /** The load. */
  readonly load: CodeLoad;
  /** Its source lines. */
  readonly lines: DebugInfo | undefined;
  /** Its unwind info. */
  readonly unwinding: UnwindingInfo | undefined;
  /**
   * The lines that perf 6.1 to 7.2 uses: the last ones between this load and the one
   * before it in the file, even if they name another address.
   */
  readonly precedingLines: DebugInfo | undefined;
}

/** Maximum size in bytes of the line records that wait for their loads. */
const MOST_PENDING = 64 * 1024 * 1024;

/** Maximum distance of lines from the code, in dumps of Erlang 25 and V8. */
const TOLERANCE = 0x40n;

/**
 * Joins lines and unwind info to loads in one pass.
 *
 * Lines name the address of their function, and are joined by it at any distance before the
 * load: LLVM's ORC (LLVM 21) writes all lines of an object before all its loads. Lines
 * directly before a load that name another address are joined by position if they fit in
 * its code. Unwind info names no address, and belongs to the next load, as in perf.
 *
 * Memory is bounded: at most 64 MiB of line records wait, and the oldest are discarded.
 */
export class RecordJoin {
  /** Lines that wait for their load, by the address that they name, the oldest first. */
  readonly #pending = new Map<bigint, DebugInfo>();
  #pendingSize = 0;
  /** The last lines since the last load. */
  #preceding: DebugInfo | undefined;
  #unwinding: UnwindingInfo | undefined;

  /** Adds the next record of the file; returns the load if it is one. */
  add(record: DumpRecord): JoinedLoad | undefined {
    if (record instanceof CodeLoad) return this.#join(record);
    if (record instanceof DebugInfo) {
      this.#keepPreceding();
      this.#insert(record);
      this.#preceding = record;
    } else if (record instanceof UnwindingInfo) this.#unwinding = record;
    return undefined;
  }

  /** The lines that belong to no load so far, the oldest first. */
  get unclaimedLines(): Iterable<DebugInfo> {
    return this.#pending.values();
  }

  /** The unwind info that belongs to no load so far. */
  get unclaimedUnwinding(): UnwindingInfo | undefined {
    return this.#unwinding;
  }

  #join(load: CodeLoad): JoinedLoad {
    const preceding = this.#preceding;
    const lines = this.#linesOf(load);
    if (lines) this.#remove(lines);
    if (lines !== preceding) this.#keepPreceding();
    const unwinding = this.#unwinding;
    this.#preceding = undefined;
    this.#unwinding = undefined;
    return { load, lines, unwinding, precedingLines: preceding };
  }

  #linesOf(load: CodeLoad): DebugInfo | undefined {
    const preceding = this.#preceding;
    if (this.#pending.size === 0) return undefined;
    if (preceding?.codeAddr === load.codeAddr) return preceding;
    const named = this.#pending.get(load.codeAddr) ??
      (load.vma === 0n ? undefined : this.#pending.get(load.vma));
    if (named && (named === preceding || fits(named, load))) return named;
    return preceding && fits(preceding, load) ? preceding : undefined;
  }

  #insert(lines: DebugInfo): void {
    const older = this.#pending.get(lines.codeAddr);
    if (older) this.#remove(older);
    this.#pending.set(lines.codeAddr, lines);
    this.#pendingSize += lines.totalSize;
    for (const oldest of this.#pending.values()) {
      if (this.#pendingSize <= MOST_PENDING || oldest === lines) break;
      this.#remove(oldest);
    }
  }

  #remove(lines: DebugInfo): void {
    this.#pending.delete(lines.codeAddr);
    this.#pendingSize -= lines.totalSize;
  }

  /** Copies lines that have to wait, because a view keeps its whole buffer in memory. */
  #keepPreceding(): void {
    const lines = this.#preceding;
    if (lines && this.#pending.get(lines.codeAddr) === lines) {
      this.#pending.set(lines.codeAddr, lines.copy());
    }
  }
}

/** Returns whether all lines are at, or next to, the code of a load. */
function fits(lines: DebugInfo, load: CodeLoad): boolean {
  const start = load.codeAddr - TOLERANCE;
  const end = load.codeAddr + BigInt(load.codeSize) + TOLERANCE;
  return lines.entries.every(({ codeAddr }) =>
    start <= codeAddr && codeAddr <= end
  );
}
