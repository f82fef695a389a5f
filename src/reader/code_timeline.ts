/**
 * The function at each address at each time.
 *
 * @module
 */

import { CodeMove, type DumpRecord, type LineEntry } from "./dump_record.ts";
import { type DumpedFunction, FunctionBuilder } from "./dumped_function.ts";
import { LineCorrections } from "./line_corrections.ts";
import { CodeMap, type CodePiece, firstIndex, type Range } from "./code_map.ts";

/** Result of {@linkcode CodeTimeline.find}. */
export interface FoundCode {
  /** The function. */
  readonly fn: DumpedFunction;
  /** Offset of the address in the function, in bytes. */
  readonly offset: number;
  /** The source line of the address; undefined if the dump records none. */
  readonly line: LineEntry | undefined;
}

/** A function while it is at one address. */
export interface Stay extends Range {
  /** The function. */
  readonly fn: DumpedFunction;
  /** The time of its load or move to this address. */
  readonly since: bigint;
  /** The time at which the last of its code was displaced; undefined if some is left. */
  readonly until?: bigint;
  /** Whether it has moved here; perf 6.1 to 7.2 then has no unwind info for it. */
  readonly isMoved: boolean;
}

/** Addresses that are a function's from one time to another: a rectangle. */
export interface Piece extends Range {
  /** The function. */
  readonly fn: DumpedFunction;
  /** The address of the function's first byte, of which this may be a later part. */
  readonly base: bigint;
  /** The time from which on the function is here. */
  readonly since: bigint;
  /** The first time at which it is over; undefined if it lasts. */
  readonly until?: bigint;
}

/**
 * A load or a move: from a time on a function is at an address and, if it has moved, no
 * longer at another one. It is a piece too, if nothing ever displaces it.
 */
interface Event extends Piece {
  readonly from: Range | undefined;
}

/** The result of a replay. */
interface Replayed {
  readonly pieces: readonly Piece[];
  /** The loads that share no address with others. */
  readonly alone: readonly Event[];
  /** The stays of all others. */
  readonly replayedStays: readonly Stay[];
  /** All stays, built on request. */
  stays?: readonly Stay[];
  /** The tree of the pieces, built for the first lookup. */
  tree?: { readonly root: Node | undefined };
}

/** Pieces that have an address in common, in order of time, and those below and above it. */
interface Node {
  readonly center: bigint;
  readonly pile: Piece[];
  readonly below: Node | undefined;
  readonly above: Node | undefined;
}

/**
 * The function at each address at each time.
 *
 *     address
 *       │  ┌──────────────┬───────────
 *       │  │ f            │ h            A new function replaces the code at its
 *       │  │      ┌───────┤              addresses, wholly or partly, and a move
 *       │  └──────┤ g     ├───────────   removes it from the old ones. So the pieces
 *       │         └───────┘              do not overlap.
 *       └───────────────────────── time
 *
 * The pieces are in a balanced tree by address; those that share an address do not share
 * a time, so a binary search finds the right one. A lookup takes O(log n) steps if few
 * functions share an address, and at most O(log² n).
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
  readonly #byIndex = new Map<bigint, DumpedFunction>();
  readonly #events: Event[] = [];
  readonly #corrections: LineCorrections;
  readonly #lines = new Map<DumpedFunction, readonly LineEntry[]>();
  readonly #toTime: (timestamp: bigint) => bigint;
  #current: Replayed | undefined;

  /**
   * Creates a timeline of a dump.
   *
   * @param records The records, in the order of the file; more by {@linkcode add}.
   * @param header The dump's header, which identifies dumps of V8, whose lines are corrected.
   * @param toTime Converts timestamps of the dump, if they are not of the clock whose times
   * are looked up. Of two timestamps, the later must stay the later.
   */
  constructor(
    records: Iterable<DumpRecord> = [],
    header?: { readonly pad1: number },
    toTime: (timestamp: bigint) => bigint = (timestamp) => timestamp,
  ) {
    this.#toTime = toTime;
    this.#corrections = new LineCorrections(header);
    for (const record of records) this.add(record);
  }

  /**
   * Adds the next record of the file. This invalidates the results of earlier lookups, so add
   * all records first.
   *
   * @returns The function that the record completes, if it does.
   */
  add(record: DumpRecord): DumpedFunction | undefined {
    const fn = this.#builder.add(record);
    if (fn) {
      this.#byIndex.set(fn.codeIndex, fn);
      this.#corrections.add(fn);
      this.#lines.clear();
      const since = this.#toTime(fn.timestamp);
      const range = rangeOf(fn.codeAddr, fn.codeSize);
      this.#events.push(eventOf(fn, since, range, undefined));
    } else if (record instanceof CodeMove) {
      const moved = this.#byIndex.get(record.codeIndex);
      if (!moved) return undefined;
      const { newCodeAddr, oldCodeAddr, timestamp } = record;
      // A hostile record cannot move more code than the function has.
      const codeSize = Math.min(record.codeSize, moved.codeSize);
      const since = this.#toTime(timestamp);
      const from = rangeOf(oldCodeAddr, codeSize);
      const range = rangeOf(newCodeAddr, codeSize);
      this.#events.push(eventOf(moved, since, range, from));
    } else return undefined;
    this.#current = undefined;
    return fn;
  }

  /**
   * Returns a function's lines, corrected: the lines of V8, LLVM and Dart are 0x40 bytes
   * late, and Node 18 to 24 writes freed memory into names of files. What is wrong with a
   * dump is decided by all of its functions, so add all first.
   */
  linesOf(fn: DumpedFunction): readonly LineEntry[] {
    const known = this.#lines.get(fn);
    if (known) return known;
    const lines = this.#corrections.linesOf(fn);
    if (lines !== fn.lines) this.#lines.set(fn, lines);
    return lines;
  }

  /** Returns where each function was and how long, in order of time. */
  get stays(): readonly Stay[] {
    const replayed = this.#replayed;
    return replayed.stays ??= staysOf(replayed);
  }

  /** Returns the times of the first and the last load or move; undefined if there is none. */
  get times(): { first: bigint; last: bigint } | undefined {
    const events = this.#events;
    if (events.length === 0) return undefined;
    let [first, last] = [events[0].since, events[0].since];
    for (const { since } of events) {
      if (since < first) first = since;
      if (since > last) last = since;
    }
    return { first, last };
  }

  /** Returns which addresses are whose and how long, in order of their starts. */
  get pieces(): readonly Piece[] {
    return this.#replayed.pieces;
  }

  get #replayed(): Replayed {
    return this.#current ??= replay(this.#events);
  }

  get #root(): Node | undefined {
    const replayed = this.#replayed;
    replayed.tree ??= { root: makeNode(replayed.pieces) };
    return replayed.tree.root;
  }

  /**
   * Finds the function that was at an address at a time.
   *
   * @param address The address.
   * @param time The time, by the dump's clock.
   * @returns The function; undefined if there was none.
   */
  find(address: bigint, time: bigint): FoundCode | undefined {
    const piece = this.pieceAt(address, time);
    return piece && this.#found(piece, address);
  }

  /** Returns the addresses that were a function's at a time, of which `address` is one. */
  pieceAt(address: bigint, time: bigint): Piece | undefined {
    for (let node = this.#root; node;) {
      const { pile, center, below, above } = node;
      const piece = pile.length === 1
        ? pile[0]
        : pile[firstIndex(pile, ({ since }) => since > time) - 1];
      if (piece && contains(piece, address) && isThere(piece, time)) {
        return piece;
      }
      node = address < center ? below : above;
    }
    return undefined;
  }

  /** Returns the piece of the first function that was ever at an address. */
  firstPieceAt(address: bigint): Piece | undefined {
    let first: Piece | undefined;
    for (let node = this.#root; node;) {
      const { pile, center, below, above } = node;
      const piece = pile.find((piece) => contains(piece, address));
      if (piece && (!first || piece.since < first.since)) first = piece;
      node = address < center ? below : above;
    }
    return first;
  }

  #found({ fn, base }: Piece, address: bigint): FoundCode {
    const offset = address - base;
    // Lines have the addresses of the function before it moved.
    const line = lineAt(this.linesOf(fn), fn.codeAddr + offset);
    return { fn, offset: Number(offset), line };
  }
}

const rangeOf = (start: bigint, size: number): Range => ({
  start,
  end: start + BigInt(size),
});

const eventOf = (
  fn: DumpedFunction,
  since: bigint,
  { start, end }: Range,
  from: Range | undefined,
): Event => ({ fn, base: start, start, end, since, until: undefined, from });

const contains = ({ start, end }: Range, address: bigint) =>
  start <= address && address < end;

const isThere = ({ since, until }: Piece, time: bigint) =>
  since <= time && (until === undefined || time < until);

/**
 * Returns the line that an address belongs to, of lines in the order of their addresses;
 * undefined if it belongs to line 0, which means "no line" as in DWARF.
 */
export function lineAt(
  lines: readonly LineEntry[],
  address: bigint,
): LineEntry | undefined {
  const line =
    lines[firstIndex(lines, ({ codeAddr }) => codeAddr > address) - 1];
  return line?.line === 0 ? undefined : line;
}

/** Replays events. */
function replay(events: readonly Event[]): Replayed {
  const { alone, others } = partition(events);
  const { pieces, stays } = replayOverlapping(others);
  for (const event of alone) if (event.start < event.end) pieces.push(event);
  pieces.sort((a, b) => a.start < b.start ? -1 : a.start > b.start ? 1 : 0);
  return { pieces, alone, replayedStays: stays };
}

/** Returns all stays in order of time. */
function staysOf({ alone, replayedStays }: Replayed): Stay[] {
  const stays = [
    ...replayedStays,
    ...alone.map(({ fn, start, end, since }) => ({
      ...{ fn, start, end, since },
      isMoved: false,
    })),
  ];
  return stays.sort((a, b) =>
    a.since < b.since ? -1 : a.since > b.since ? 1 : 0
  );
}

/**
 * Separates the functions that never move and share no address with others. These are most
 * functions, and need no replay.
 */
function partition(
  events: readonly Event[],
): { alone: Event[]; others: Event[] } {
  const moved = new Set<DumpedFunction>();
  for (const { fn, from } of events) if (from) moved.add(fn);
  const byStart = Array.from(events, (_, i) => i).sort((i, j) => {
    const [a, b] = [events[i].start, events[j].start];
    return a < b ? -1 : a > b ? 1 : 0;
  });
  const isAlone = new Uint8Array(events.length);
  for (let i = 0; i < byStart.length;) {
    let { end } = events[byStart[i]];
    let next = i + 1;
    for (; next < byStart.length; next++) {
      const other = events[byStart[next]];
      if (other.start >= end) break;
      if (other.end > end) end = other.end;
    }
    if (next === i + 1) isAlone[byStart[i]] = 1;
    i = next;
  }
  const [alone, others]: Event[][] = [[], []];
  for (const [i, event] of events.entries()) {
    (isAlone[i] && !moved.has(event.fn) ? alone : others).push(event);
  }
  return { alone, others };
}

/** Replays events in order of their times. */
function replayOverlapping(
  events: readonly Event[],
): { pieces: Piece[]; stays: Stay[] } {
  type Open = { -readonly [K in keyof Stay]: Stay[K] };
  const map = new CodeMap<Open>();
  const stays: Open[] = [];
  const pieces: Piece[] = [];
  const current = new Map<DumpedFunction, Open>();
  const end = (ended: CodePiece<Open>[], until: bigint) => {
    for (const { owner, base, start, end, since } of ended) {
      if (since < until) {
        pieces.push({ fn: owner.fn, base, start, end, since, until });
      }
      if (!map.has(owner)) owner.until = until;
    }
  };
  // Of two events of one time, the later in the file is the later; sorting keeps order.
  const ordered = events.toSorted((a, b) =>
    a.since < b.since ? -1 : a.since > b.since ? 1 : 0
  );
  for (const { fn, since: time, start, end: last, from } of ordered) {
    const left = current.get(fn);
    if (from && left) end(map.remove(left, from), time);
    const stay: Open = {
      ...{ fn, start, end: last, since: time },
      isMoved: from !== undefined,
    };
    stays.push(stay);
    current.set(fn, stay);
    end(map.put(stay, stay, time), time);
  }
  for (const { owner: { fn }, base, start, end, since } of map) {
    pieces.push({ fn, base, start, end, since });
  }
  return { pieces, stays };
}

/** Returns the tree of pieces that are in order of their starts. */
function makeNode(pieces: readonly Piece[]): Node | undefined {
  if (pieces.length === 0) return undefined;
  const center = pieces[pieces.length >>> 1].start;
  const pile = pieces.filter((piece) => contains(piece, center));
  return {
    center,
    pile: pile.sort((a, b) => a.since < b.since ? -1 : 1),
    below: makeNode(pieces.filter(({ end }) => end <= center)),
    above: makeNode(pieces.filter(({ start }) => start > center)),
  };
}
