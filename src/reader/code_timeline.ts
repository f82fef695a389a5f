/**
 * The function at each address at each time.
 *
 * @module
 */

import { CodeHistory, NO_PIECE } from "./code_history.ts";
import { firstIndex, type Range } from "./code_map.ts";
import { CodeMove, type DumpRecord, type LineEntry } from "./dump_record.ts";
import { type DumpedFunction, FunctionBuilder } from "./dumped_function.ts";
import { LineCorrections } from "./line_corrections.ts";

/** Result of {@linkcode CodeTimeline.find}. */
export interface FoundCode {
  /** The function. */
  readonly fn: DumpedFunction;
  /** Offset of the address in the function, in bytes. */
  readonly offset: number;
  /** The source line of the address; undefined if the dump records none. */
  readonly line: LineEntry | undefined;
}

/** The time that a function spends at one address. */
export interface Stay extends Range {
  /** The function. */
  readonly fn: DumpedFunction;
  /** The time of its load or move to this address. */
  readonly since: bigint;
  /** The time at which the last of its code was displaced; undefined if some is left. */
  readonly until?: bigint;
  /** True if it has moved here; perf 6.1 to 7.2 then has no unwind info for it. */
  readonly isMoved: boolean;
}

/** A range of addresses that a function occupies for a period of time: a rectangle. */
export interface Piece extends Range {
  /** The function. */
  readonly fn: DumpedFunction;
  /** The address of the function's first byte; the piece may start later. */
  readonly base: bigint;
  /** The time at which the function's code arrived here. */
  readonly since: bigint;
  /** The time at which the code was displaced; undefined if it stays. */
  readonly until?: bigint;
}

/**
 * The function at each address at each time.
 *
 *     address
 *       │  ┌──────────────┬───────────
 *       │  │ f            │ h            A new function replaces the code at its
 *       │  │      ┌───────┤              addresses, wholly or partly, and a move
 *       │  └──────┤ g     ├───────────   removes it from the old ones. The rectangles
 *       │         └───────┘              do not overlap.
 *       └───────────────────────── time
 *
 * Pieces whose addresses overlap are in a balanced tree by address. Pieces with a common
 * address have no common time, so a binary search finds the right one. A lookup takes
 * O(log n) steps if few functions share an address, and at most O(log² n).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { JitDumpFile } from "@jitdump/jitdump";
 * import { CodeTimeline, JitDumpReader } from "@jitdump/jitdump/reader";
 *
 * using dump = JitDumpFile.forProcess(Deno.makeTempDirSync());
 * const [code, address] = [Uint8Array.of(0xc3), 0x7f00_0000_1000n];
 * dump.dumpFunction({ name: "old", code, address, timestamp: 1000n });
 * dump.dumpFunction({ name: "new", code, address, timestamp: 2000n });
 *
 * const reader = new JitDumpReader(Deno.readFileSync(dump.path));
 * const timeline = new CodeTimeline(reader);
 * assertEquals(timeline.find(address, 1999n)?.fn.name, "old");
 * assertEquals(timeline.find(address, 2000n)?.fn.name, "new");
 * ```
 */
export class CodeTimeline {
  readonly #builder = new FunctionBuilder();
  readonly #history: CodeHistory;
  /** Functions that have been returned, by their index. */
  readonly #functions = new Map<number, DumpedFunction>();
  readonly #lines = new Map<DumpedFunction, readonly LineEntry[]>();
  #stays: readonly Stay[] | undefined;
  #pieces: readonly Piece[] | undefined;

  /**
   * Creates a timeline of a dump.
   *
   * @param records The records, in file order. {@linkcode add} adds more.
   * @param header The dump's header, which identifies dumps of V8, whose lines are corrected.
   * @param toTime Converts timestamps of the dump to the clock of the lookups. It must
   * preserve their order.
   */
  constructor(
    records: Iterable<DumpRecord> = [],
    header?: { readonly pad1: number },
    toTime: (timestamp: bigint) => bigint = (timestamp) => timestamp,
  ) {
    this.#history = new CodeHistory(new LineCorrections(header), toTime);
    for (const record of records) this.add(record);
  }

  /**
   * Adds the next record of the file. This invalidates the results of earlier lookups, so add
   * all records first.
   *
   * @returns The function that the record completes; undefined if it completes none.
   */
  add(record: DumpRecord): DumpedFunction | undefined {
    const fn = this.#builder.add(record);
    if (fn) this.#history.add(fn);
    else if (record instanceof CodeMove) this.#history.move(record);
    else return undefined;
    this.#lines.clear();
    this.#stays = undefined;
    this.#pieces = undefined;
    return fn;
  }

  /**
   * Returns a function's lines, corrected: the lines of V8, LLVM and Dart are 0x40 bytes
   * late, and Node 18 to 24 writes freed memory into names of files. All functions of a dump
   * determine its corrections, so add all records first.
   */
  linesOf(fn: DumpedFunction): readonly LineEntry[] {
    const known = this.#lines.get(fn);
    if (known) return known;
    const lines = this.#history.correct(fn);
    if (lines !== fn.lines) this.#lines.set(fn, lines);
    return lines;
  }

  /** The stays of all functions, in order of time. */
  get stays(): readonly Stay[] {
    return this.#stays ??= this.#history.pieces.stays().map((stay) => ({
      ...stay,
      fn: this.#functionOf(stay.fn),
    }));
  }

  /** The times of the first and the last load or move; undefined if there is none. */
  get times(): { first: bigint; last: bigint } | undefined {
    return this.#history.times;
  }

  /** The pieces of all functions, in order of their start addresses. */
  get pieces(): readonly Piece[] {
    const { pieces } = this.#history;
    return this.#pieces ??= Array.from({ length: pieces.count }, (_, i) => ({
      fn: this.#functionOf(pieces.functionOf(i)),
      base: pieces.base(i),
      start: pieces.start(i),
      end: pieces.end(i),
      since: pieces.since(i),
      until: pieces.until(i),
    }));
  }

  /**
   * Finds the function that was at an address at a time.
   *
   * @param address The address.
   * @param time The time, by the dump's clock.
   * @returns The function; undefined if there was none.
   */
  find(address: bigint, time: bigint): FoundCode | undefined {
    const { pieces } = this.#history;
    const piece = pieces.find(address, time);
    if (piece === NO_PIECE) return undefined;
    const fn = this.#functionOf(pieces.functionOf(piece));
    const offset = address - pieces.base(piece);
    // Lines have the addresses of the function before it moved.
    const line = lineAt(this.linesOf(fn), fn.codeAddr + offset);
    return { fn, offset: Number(offset), line };
  }

  #functionOf(index: number): DumpedFunction {
    let fn = this.#functions.get(index);
    if (!fn) {
      this.#functions.set(index, fn = this.#history.functions.get(index));
    }
    return fn;
  }
}

/**
 * Returns the line of an address, from lines in order of their addresses; undefined for
 * line 0, which means "no line" as in DWARF.
 */
export function lineAt(
  lines: readonly LineEntry[],
  address: bigint,
): LineEntry | undefined {
  const line =
    lines[firstIndex(lines, ({ codeAddr }) => codeAddr > address) - 1];
  return line?.line === 0 ? undefined : line;
}
