/**
 * Which function was where, and when.
 *
 * @module
 */

import { CodeMove, type DumpRecord, type LineEntry } from "./dump_record.ts";
import { type DumpedFunction, FunctionBuilder } from "./dumped_function.ts";
import { firstIndex, LiveRanges, type Range } from "./live_code.ts";

/** What {@linkcode CodeTimeline.find} finds. */
export interface FoundCode {
  /** The function. */
  readonly fn: DumpedFunction;
  /** How many bytes the address is behind the function's start. */
  readonly offset: number;
  /** The source line of the address; undefined where nothing was said of it. */
  readonly line: LineEntry | undefined;
}

/**
 * Something that happened: from a time on there is a function at an address, and, where
 * it has moved, no longer at another one.
 */
interface Event extends Range {
  readonly fn: DumpedFunction;
  readonly time: bigint;
  readonly from?: Range;
}

/** Addresses that are a function's from one time to another: a rectangle. */
interface Piece extends Range {
  readonly fn: DumpedFunction;
  /** Where the function starts, of which this is a piece. */
  readonly base: bigint;
  readonly since: bigint;
  /** The first time at which it is over; undefined where it lasts. */
  until?: bigint;
}

/** Pieces that have an address in common, by time, and those below and above it. */
interface Node {
  readonly center: bigint;
  readonly pile: Piece[];
  readonly below: Node | undefined;
  readonly above: Node | undefined;
}

/**
 * Which function was at which address at which time.
 *
 *     address
 *       │  ┌──────────────┬───────────
 *       │  │ f            │ h            Each function takes its place from what was
 *       │  │      ┌───────┤              there, wholly or in part, and gives it up
 *       │  └──────┤ g     ├───────────   where it moves. So the pieces do not overlap,
 *       │         └───────┘              and there is one at most for a point.
 *       └───────────────────────── time
 *
 * The pieces are in a balanced tree by address; those that share an address do not share
 * a time, so a binary search finds the one. A lookup takes O(log n) steps where few
 * functions share an address, and O(log² n) however many do.
 *
 * @example
 * ```ts
 * import { CodeTimeline, JitDumpReader } from "@jitdump/jitdump/reader";
 *
 * function nameAt(dump: Uint8Array, address: bigint, time: bigint) {
 *   const timeline = new CodeTimeline(new JitDumpReader(dump));
 *   return timeline.find(address, time)?.fn.name;
 * }
 * ```
 */
export class CodeTimeline {
  readonly #builder = new FunctionBuilder();
  readonly #byIndex = new Map<bigint, DumpedFunction>();
  readonly #events: Event[] = [];
  #root: Node | undefined;
  #isCurrent = false;

  /**
   * Takes the records of a dump.
   *
   * @param records The records, in the order of the file; more by {@linkcode add}.
   */
  constructor(records: Iterable<DumpRecord> = []) {
    for (const record of records) this.add(record);
  }

  /** Takes the next record of the file. What is found is computed anew then, so add all first. */
  add(record: DumpRecord): void {
    const fn = this.#builder.add(record);
    if (fn) {
      this.#byIndex.set(fn.codeIndex, fn);
      const time = fn.timestamp;
      this.#events.push({ fn, time, ...rangeOf(fn.codeAddr, fn.codeSize) });
    } else if (record instanceof CodeMove) {
      const moved = this.#byIndex.get(record.codeIndex);
      if (!moved) return;
      const { newCodeAddr, oldCodeAddr, codeSize, timestamp } = record;
      this.#events.push({
        fn: moved,
        time: timestamp,
        from: rangeOf(oldCodeAddr, codeSize),
        ...rangeOf(newCodeAddr, codeSize),
      });
    } else return;
    this.#isCurrent = false;
  }

  /** The function of a number, where perf has named its image by it. */
  numbered(codeIndex: bigint): DumpedFunction | undefined {
    return this.#byIndex.get(codeIndex);
  }

  /**
   * Finds the function that was at an address at a time.
   *
   * @param address The address.
   * @param time The time, by the dump's clock.
   * @returns The function; undefined where there was none, or none any more.
   */
  find(address: bigint, time: bigint): FoundCode | undefined {
    if (!this.#isCurrent) {
      this.#root = makeNode(cut(this.#events));
      this.#isCurrent = true;
    }
    for (let node = this.#root; node;) {
      const { pile, center, below, above } = node;
      const piece = pile.length === 1
        ? pile[0]
        : pile[firstIndex(pile, ({ since }) => since > time) - 1];
      if (piece && contains(piece, address) && isThere(piece, time)) {
        return found(piece, address);
      }
      node = address < center ? below : above;
    }
    return undefined;
  }
}

const rangeOf = (start: bigint, size: number): Range => ({
  start,
  end: start + BigInt(size),
});

const contains = ({ start, end }: Range, address: bigint) =>
  start <= address && address < end;

const isThere = ({ since, until }: Piece, time: bigint) =>
  since <= time && (until === undefined || time < until);

function found({ fn, base }: Piece, address: bigint): FoundCode {
  const offset = address - base;
  // Lines are given in the addresses that the function had at first.
  const line = lineAt(fn.lines, fn.codeAddr + offset);
  return { fn, offset: Number(offset), line };
}

/** The line, of lines in the order of their addresses, that an address belongs to. */
export function lineAt(
  lines: readonly LineEntry[],
  address: bigint,
): LineEntry | undefined {
  return lines[firstIndex(lines, ({ codeAddr }) => codeAddr > address) - 1];
}

/** The pieces that events leave of each other. */
function cut(events: readonly Event[]): Piece[] {
  const live = new LiveRanges<Piece>();
  /** The same by function, as one that moves leaves only its own. */
  const byFunction = new Map<DumpedFunction, Set<Piece>>();
  const pieces: Piece[] = [];
  const put = (piece: Piece) => {
    live.insert(piece);
    const own = byFunction.get(piece.fn);
    if (own) own.add(piece);
    else byFunction.set(piece.fn, new Set([piece]));
  };
  /** Ends all that is at a range. */
  const clear = (range: Range, time: bigint) => {
    for (const piece of live.takeOverlapping(range)) {
      byFunction.get(piece.fn)?.delete(piece);
      if (piece.since < time) pieces.push({ ...piece, until: time });
      // What is left of it on either side goes on.
      if (piece.start < range.start) {
        put({ ...piece, end: range.start, since: time });
      }
      if (piece.end > range.end) {
        put({ ...piece, start: range.end, since: time });
      }
    }
  };
  const leave = (fn: DumpedFunction, from: Range, time: bigint) => {
    for (const piece of [...byFunction.get(fn) ?? []]) {
      const start = piece.start > from.start ? piece.start : from.start;
      const end = piece.end < from.end ? piece.end : from.end;
      if (start < end) clear({ start, end }, time);
    }
  };
  // At one time the later in the file is the later; sorting keeps their order.
  const ordered = events.toSorted((a, b) =>
    a.time < b.time ? -1 : a.time > b.time ? 1 : 0
  );
  for (const { fn, time, start, end, from } of ordered) {
    if (from) leave(fn, from, time);
    if (start === end) continue;
    clear({ start, end }, time);
    put({ fn, base: start, start, end, since: time });
  }
  for (const piece of live) pieces.push(piece);
  return pieces.sort((a, b) =>
    a.start < b.start ? -1 : a.start > b.start ? 1 : 0
  );
}

/** The tree of pieces that are ordered by their starts. */
function makeNode(pieces: Piece[]): Node | undefined {
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
