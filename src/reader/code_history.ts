/**
 * The functions of a dump, and the addresses that each occupied over time.
 *
 * @module
 */

import { CodeMap, type CodePiece, firstIndex, type Range } from "./code_map.ts";
import type { CodeMove, LineEntry } from "./dump_record.ts";
import type { DumpedFunction } from "./dumped_function.ts";
import { FunctionTable } from "./function_table.ts";
import { LATE_BY, type LineCorrections } from "./line_corrections.ts";

/** Result of a search that finds nothing. */
export const NO_PIECE = -1;

/** A range of addresses that a function occupies for a period of time. */
interface PieceOfCode extends Range {
  /** The function's index in the table. */
  readonly fn: number;
  readonly base: bigint;
  readonly since: bigint;
  readonly until?: bigint;
}

/** The time that a function spends at one address. */
export interface IndexedStay extends Range {
  /** The function's index in the table. */
  readonly fn: number;
  readonly since: bigint;
  readonly until?: bigint;
  readonly isMoved: boolean;
}

/** A load or a move. */
interface Event extends Range {
  readonly fn: number;
  readonly since: bigint;
  /** The addresses that a moved function has left. */
  readonly from: Range | undefined;
}

/** A move, and the number of functions before it in the file. */
interface Move extends Range {
  readonly fn: number;
  readonly timestamp: bigint;
  readonly from: Range;
  readonly position: number;
}

/** A node of a tree of pieces. */
interface Node {
  readonly center: bigint;
  /** The pieces that contain the center, in order of time. */
  readonly atCenter: readonly number[];
  readonly below: Node | undefined;
  readonly above: Node | undefined;
}

/**
 * The functions of a dump, and the pieces of memory that each occupies over time. Most
 * functions share no address with others; a piece of these is only an index. The loads and
 * moves of the others are replayed.
 */
export class CodeHistory {
  readonly functions: FunctionTable = new FunctionTable();
  readonly #corrections: LineCorrections;
  readonly #toTime: (timestamp: bigint) => bigint;
  readonly #moves: Move[] = [];
  /** The last function of each code index, built at the first move. */
  #byIndex: Map<bigint, number> | undefined;
  /** A cache of corrected lines, by function. */
  readonly #corrected = new Map<number, readonly LineEntry[]>();
  #pieces: CodePieces | undefined;
  #first: bigint | undefined;
  #last: bigint | undefined;

  /**
   * Creates an empty history.
   *
   * @param corrections Receives all functions. Other histories of the dump may share it.
   * @param toTime See {@linkcode CodeTimeline}.
   */
  constructor(
    corrections: LineCorrections,
    toTime: (timestamp: bigint) => bigint = (timestamp) => timestamp,
  ) {
    this.#corrections = corrections;
    this.#toTime = toTime;
  }

  /** Adds the next function of the file. */
  add(fn: DumpedFunction): void {
    const index = this.functions.add(fn);
    this.#byIndex?.set(fn.codeIndex, index);
    this.#corrections.add(fn);
    this.#note(fn.timestamp);
  }

  /** Adds the next move of the file. */
  move(record: CodeMove): void {
    const moved = this.#ofIndex(record.codeIndex);
    if (moved === undefined) return;
    const { newCodeAddr, oldCodeAddr, timestamp } = record;
    // Limited, because a hostile record may claim more code than the function has.
    const codeSize = Math.min(record.codeSize, this.functions.codeSize(moved));
    this.#moves.push({
      ...rangeOf(newCodeAddr, codeSize),
      fn: moved,
      timestamp,
      from: rangeOf(oldCodeAddr, codeSize),
      position: this.functions.size,
    });
    this.#note(timestamp);
  }

  /** The times of the first and the last load or move; undefined if there is none. */
  get times(): { first: bigint; last: bigint } | undefined {
    if (this.#first === undefined || this.#last === undefined) return undefined;
    return { first: this.#toTime(this.#first), last: this.#toTime(this.#last) };
  }

  /** The pieces of all functions. */
  get pieces(): CodePieces {
    this.#pieces ??= new CodePieces(this.functions, this.#toTime, this.#moves);
    return this.#pieces;
  }

  /** Returns a function's corrected lines. */
  correct(fn: DumpedFunction): readonly LineEntry[] {
    return this.#corrections.linesOf(fn);
  }

  /** Returns the index of the line entry at an offset in a function; −1 if there is none. */
  entryAt(fn: number, offset: number): number {
    const { functions } = this;
    const recorded = this.#corrections.areLate
      ? offset + Number(LATE_BY)
      : offset;
    const first = functions.firstLine(fn);
    let [low, high] = [first, functions.linesEnd(fn)];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (functions.lineOffset(fn, middle) > recorded) high = middle;
      else low = middle + 1;
    }
    return low > first ? low - 1 : -1;
  }

  /** Returns the corrected file and line of a line entry; undefined for line 0: no line. */
  sourceOf(
    fn: number,
    entry: number,
  ): Omit<LineEntry, "codeAddr"> | undefined {
    const { functions } = this;
    let source: Omit<LineEntry, "codeAddr">;
    if (this.#corrections.areRight) source = functions.source(entry);
    else {
      let lines = this.#corrected.get(fn);
      if (lines === undefined) {
        lines = this.correct(functions.get(fn));
        this.#corrected.set(fn, lines);
      }
      source = lines[entry - functions.firstLine(fn)];
    }
    return source.line === 0 ? undefined : source;
  }

  #ofIndex(codeIndex: bigint): number | undefined {
    if (this.#byIndex === undefined) {
      this.#byIndex = new Map();
      for (let i = 0; i < this.functions.size; i++) {
        this.#byIndex.set(this.functions.codeIndex(i), i);
      }
    }
    return this.#byIndex.get(codeIndex);
  }

  #note(timestamp: bigint): void {
    this.#corrected.clear();
    this.#pieces = undefined;
    if (this.#first === undefined || timestamp < this.#first) {
      this.#first = timestamp;
    }
    if (this.#last === undefined || timestamp > this.#last) {
      this.#last = timestamp;
    }
  }
}

/** Pieces of memory that functions occupy over time, indexed in order of their starts. */
export class CodePieces {
  readonly #functions: FunctionTable;
  readonly #toTime: (timestamp: bigint) => bigint;
  /** The index of each piece's function, or −1 − the index of a replayed piece. */
  readonly #order: Int32Array;
  readonly #replayed: readonly PieceOfCode[];
  /** Functions that share no address with others. */
  readonly #alone: readonly number[];
  readonly #replayedStays: readonly IndexedStay[];
  /** The first piece of each cluster, then the total number of pieces. */
  readonly #clusters: Int32Array;
  /** The last address of each cluster. */
  readonly #lasts: BigUint64Array;
  /** The tree of each cluster, built at the first search in it. */
  readonly #trees = new Map<number, Node | undefined>();

  /** Replays loads and moves. */
  constructor(
    functions: FunctionTable,
    toTime: (timestamp: bigint) => bigint,
    moves: readonly Move[],
  ) {
    this.#functions = functions;
    this.#toTime = toTime;
    const { alone, others } = this.#partition(moves);
    const { pieces, stays } = replayOverlapping(others);
    this.#alone = alone;
    this.#replayed = pieces;
    this.#replayedStays = stays;
    this.#order = this.#merge();
    const { clusters, lasts } = this.#buildClusters();
    this.#clusters = clusters;
    this.#lasts = lasts;
  }

  /** Number of pieces. */
  get count(): number {
    return this.#order.length;
  }

  /** Returns the function of a piece. */
  functionOf(piece: number): number {
    const own = this.#order[piece];
    return own >= 0 ? own : this.#replayed[~own].fn;
  }

  /** Returns the address of the function's first byte; its piece may start later. */
  base(piece: number): bigint {
    const own = this.#order[piece];
    return own >= 0 ? this.#functions.codeAddr(own) : this.#replayed[~own].base;
  }

  /** Returns the first address of a piece. */
  start(piece: number): bigint {
    const own = this.#order[piece];
    return own >= 0
      ? this.#functions.codeAddr(own)
      : this.#replayed[~own].start;
  }

  /** Returns the first address after a piece. */
  end(piece: number): bigint {
    const own = this.#order[piece];
    return own >= 0 ? this.#rangeOf(own).end : this.#replayed[~own].end;
  }

  /** Returns the time at which the function's code arrives. */
  since(piece: number): bigint {
    const own = this.#order[piece];
    return own >= 0
      ? this.#toTime(this.#functions.timestamp(own))
      : this.#replayed[~own].since;
  }

  /** Returns the time at which the function's code is displaced; undefined if it stays. */
  until(piece: number): bigint | undefined {
    const own = this.#order[piece];
    return own >= 0 ? undefined : this.#replayed[~own].until;
  }

  /** Number of clusters: groups of pieces that overlap, directly or through others. */
  get clusterCount(): number {
    return this.#lasts.length;
  }

  /** Returns the first piece of a cluster; {@linkcode count} after the last cluster. */
  firstOf(cluster: number): number {
    return this.#clusters[cluster];
  }

  /** Returns the last address of a cluster. */
  lastAddress(cluster: number): bigint {
    return this.#lasts[cluster];
  }

  /** Returns the stays of all functions, in order of time. */
  stays(): IndexedStay[] {
    const alone = this.#alone.map((fn) => ({
      ...{ fn, ...this.#rangeOf(fn) },
      since: this.#toTime(this.#functions.timestamp(fn)),
      isMoved: false,
    }));
    // Functions with equal times are in file order.
    return [...this.#replayedStays, ...alone].sort((a, b) =>
      compare(a.since, b.since) || a.fn - b.fn
    );
  }

  /** Finds the piece at an address at a time. */
  find(address: bigint, time: bigint): number {
    for (let node = this.#treeAt(address); node;) {
      const { atCenter, center, below, above } = node;
      const piece = atCenter.length === 1 ? atCenter[0] : atCenter[
        firstIndex(atCenter, (piece) => this.since(piece) > time) - 1
      ];
      if (
        piece !== undefined && this.#contains(piece, address) &&
        this.#isCurrent(piece, time)
      ) return piece;
      node = address < center ? below : above;
    }
    return NO_PIECE;
  }

  /** Finds the piece of the first function that was ever at an address. */
  findFirst(address: bigint): number {
    let first = NO_PIECE;
    for (let node = this.#treeAt(address); node;) {
      const { atCenter, center, below, above } = node;
      const piece = atCenter.find((piece) => this.#contains(piece, address));
      const isEarlier = piece !== undefined &&
        (first === NO_PIECE || this.since(piece) < this.since(first));
      if (isEarlier) first = piece;
      node = address < center ? below : above;
    }
    return first;
  }

  #contains(piece: number, address: bigint): boolean {
    return this.start(piece) <= address && address < this.end(piece);
  }

  #isCurrent(piece: number, time: bigint): boolean {
    const until = this.until(piece);
    return this.since(piece) <= time && (until === undefined || time < until);
  }

  #rangeOf(fn: number): Range {
    return rangeOf(this.#functions.codeAddr(fn), this.#functions.codeSize(fn));
  }

  /**
   * Separates the functions that never move and share no address with others. Most functions
   * are of this kind, and need no replay.
   */
  #partition(moves: readonly Move[]): { alone: number[]; others: Event[] } {
    const functions = this.#functions;
    const count = functions.size;
    const startOf = (i: number) =>
      i < count ? functions.codeAddr(i) : moves[i - count].start;
    const endOf = (i: number) =>
      i < count ? this.#rangeOf(i).end : moves[i - count].end;
    const byStart = Array.from({ length: count + moves.length }, (_, i) => i);
    sortBy(byStart, startOf);
    const isReplayed = new Uint8Array(count);
    for (const { fn } of moves) isReplayed[fn] = 1;
    for (let i = 0; i < byStart.length;) {
      let end = endOf(byStart[i]);
      let next = i + 1;
      for (; next < byStart.length; next++) {
        if (startOf(byStart[next]) >= end) break;
        const last = endOf(byStart[next]);
        if (last > end) end = last;
      }
      if (next > i + 1) {
        for (const own of byStart.slice(i, next)) isReplayed[own] = 1;
      }
      i = next;
    }
    const alone = byStart.filter((i) => i < count && isReplayed[i] === 0);
    const others: Event[] = [];
    let move = 0;
    for (let fn = 0; fn <= count; fn++) {
      while (move < moves.length && moves[move].position === fn) {
        const { timestamp, ...moved } = moves[move++];
        others.push({ ...moved, since: this.#toTime(timestamp) });
      }
      if (fn === count || isReplayed[fn] === 0) continue;
      const since = this.#toTime(functions.timestamp(fn));
      others.push({ ...this.#rangeOf(fn), fn, since, from: undefined });
    }
    return { alone, others };
  }

  /** Merges the functions that need no replay and the replayed pieces by start address. */
  #merge(): Int32Array {
    const functions = this.#functions;
    const alone = this.#alone.filter((fn) => functions.codeSize(fn) > 0);
    const replayed = Array.from(this.#replayed, (_, i) => i);
    sortBy(replayed, (i) => this.#replayed[i].start);
    const order = new Int32Array(alone.length + replayed.length);
    for (let i = 0, own = 0, other = 0; i < order.length; i++) {
      const isAlone = other === replayed.length || own < alone.length &&
          functions.codeAddr(alone[own]) <
            this.#replayed[replayed[other]].start;
      order[i] = isAlone ? alone[own++] : ~replayed[other++];
    }
    return order;
  }

  #buildClusters(): { clusters: Int32Array; lasts: BigUint64Array } {
    const { count } = this;
    const clusters = new Int32Array(count + 1);
    const lasts = new BigUint64Array(count);
    let size = 0;
    for (let i = 0; i < count;) {
      clusters[size] = i;
      let end = this.end(i);
      for (i++; i < count && this.start(i) < end; i++) {
        const last = this.end(i);
        if (last > end) end = last;
      }
      lasts[size++] = end - 1n;
    }
    clusters[size] = count;
    return {
      clusters: clusters.slice(0, size + 1),
      lasts: lasts.slice(0, size),
    };
  }

  /** Returns the tree of the pieces at an address. */
  #treeAt(address: bigint): Node | undefined {
    let [low, high] = [0, this.clusterCount];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#lasts[middle] >= address) high = middle;
      else low = middle + 1;
    }
    if (low === this.clusterCount) return undefined;
    if (this.start(this.firstOf(low)) > address) return undefined;
    if (!this.#trees.has(low)) {
      const [first, end] = [this.firstOf(low), this.firstOf(low + 1)];
      const pieces = Array.from({ length: end - first }, (_, i) => first + i);
      this.#trees.set(low, this.#buildNode(pieces));
    }
    return this.#trees.get(low);
  }

  /** Returns the tree of pieces that are in order of their starts. */
  #buildNode(pieces: readonly number[]): Node | undefined {
    if (pieces.length === 0) return undefined;
    const center = this.start(pieces[pieces.length >>> 1]);
    const atCenter = pieces.filter((piece) => this.#contains(piece, center));
    sortBy(atCenter, (piece) => this.since(piece));
    return {
      center,
      atCenter,
      below: this.#buildNode(
        pieces.filter((piece) => this.end(piece) <= center),
      ),
      above: this.#buildNode(
        pieces.filter((piece) => this.start(piece) > center),
      ),
    };
  }
}

const rangeOf = (start: bigint, size: number): Range => ({
  start,
  end: start + BigInt(size),
});

const compare = (a: bigint, b: bigint) => a < b ? -1 : a > b ? 1 : 0;

/** Sorts numbers by a key; numbers with equal keys keep their order. */
function sortBy(numbers: number[], keyOf: (number: number) => bigint): void {
  numbers.sort((a, b) => compare(keyOf(a), keyOf(b)));
}

/** Replays events in order of their times. */
function replayOverlapping(
  events: readonly Event[],
): { pieces: PieceOfCode[]; stays: IndexedStay[] } {
  type Open = { -readonly [K in keyof IndexedStay]: IndexedStay[K] };
  const map = new CodeMap<Open>();
  const stays: Open[] = [];
  const pieces: PieceOfCode[] = [];
  const current = new Map<number, Open>();
  const end = (ended: CodePiece<Open>[], until: bigint) => {
    for (const { owner, base, start, end, since } of ended) {
      if (since < until) {
        pieces.push({ fn: owner.fn, base, start, end, since, until });
      }
      if (!map.has(owner)) owner.until = until;
    }
  };
  // The sort is stable: events with equal times stay in file order.
  const ordered = events.toSorted((a, b) => compare(a.since, b.since));
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
