/**
 * The functions of one dump, found by address and time.
 *
 * @module
 */

import type { FunctionFrames } from "./function_frames.ts";
import type { CodeTimeline, Piece } from "../reader/code_timeline.ts";
import { type Address, addressOfBigInt } from "../symbols/address.ts";

/** A piece with its time as numbers: nanoseconds since the recording's start. */
export interface TimedPiece {
  readonly piece: Piece;
  /** Address of the function's first byte. */
  readonly base: Address;
  readonly since: number;
  /** Infinity if nothing replaces it. */
  readonly until: number;
  /** The frames of its function, after it has been named. */
  frames: FunctionFrames | undefined;
}

/**
 * The functions of one dump. Most addresses belong to one function at all times, so
 * overlapping ranges form clusters, which a binary search among numbers finds. Only clusters
 * of several pieces need the timeline.
 */
export class DumpedCode {
  readonly timeline: CodeTimeline;
  /** Whether it has no functions. */
  readonly isEmpty: boolean;
  /** The first and the last timestamp of a function; NaN if there is no function. */
  readonly first: number;
  readonly last: number;
  readonly #startTime: bigint;
  readonly #pieces: readonly Piece[];
  /** The ranges of clusters, in order, and the index of the first piece of each. */
  readonly #starts: Float64Array;
  readonly #ends: Float64Array;
  readonly #firsts: Int32Array;
  readonly #size: number;
  /** The pieces of clusters of one piece, after they have been found. */
  readonly #alone: (TimedPiece | undefined)[];
  readonly #timed = new Map<Piece, TimedPiece>();
  /** The last result for an address in a cluster of several pieces. */
  readonly #recent = new Map<Address, TimedPiece>();

  /** @param startTime The time that counts as 0. */
  constructor(timeline: CodeTimeline, startTime: bigint) {
    this.timeline = timeline;
    this.#startTime = startTime;
    const { pieces, times } = timeline;
    this.#pieces = pieces;
    this.isEmpty = times === undefined;
    this.first = times ? Number(times.first - startTime) : NaN;
    this.last = times ? Number(times.last - startTime) : NaN;
    this.#starts = new Float64Array(pieces.length);
    this.#ends = new Float64Array(pieces.length);
    this.#firsts = new Int32Array(pieces.length + 1);
    let size = 0;
    for (let i = 0; i < pieces.length;) {
      const { start } = pieces[i];
      let { end } = pieces[i];
      let next = i + 1;
      for (; next < pieces.length && pieces[next].start < end; next++) {
        if (pieces[next].end > end) end = pieces[next].end;
      }
      this.#starts[size] = addressOfBigInt(start);
      this.#ends[size] = addressOfBigInt(end);
      this.#firsts[size++] = i;
      i = next;
    }
    this.#firsts[size] = pieces.length;
    this.#size = size;
    this.#alone = new Array(size);
  }

  /** Finds the function at an address at a time. */
  find(address: Address, time: number): TimedPiece | undefined {
    const cluster = this.#clusterAt(address);
    if (cluster < 0) return undefined;
    if (this.#isAlone(cluster)) {
      const only = this.#aloneOf(cluster);
      return only.since <= time && time < only.until ? only : undefined;
    }
    const recent = this.#recent.get(address);
    if (recent && recent.since <= time && time < recent.until) return recent;
    const at = this.#startTime + BigInt(Math.floor(time));
    const piece = this.timeline.pieceAt(BigInt(address), at);
    if (piece === undefined) return undefined;
    const timed = this.#timedOf(piece);
    this.#recent.set(address, timed);
    return timed;
  }

  /** Finds the only function ever at an address, if it was recorded after a time. */
  findLater(address: Address, time: number): TimedPiece | undefined {
    const cluster = this.#clusterAt(address);
    if (cluster < 0) return undefined;
    let first: TimedPiece | undefined;
    if (this.#isAlone(cluster)) first = this.#aloneOf(cluster);
    else {
      const piece = this.timeline.firstPieceAt(BigInt(address));
      if (piece) first = this.#timedOf(piece);
    }
    return first && first.since > time ? first : undefined;
  }

  /** Returns the cluster of an address, or −1. */
  #clusterAt(address: Address): number {
    const starts = this.#starts;
    let [low, high] = [0, this.#size];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (starts[middle] > address) high = middle;
      else low = middle + 1;
    }
    return low > 0 && address < this.#ends[low - 1] ? low - 1 : -1;
  }

  #isAlone(cluster: number): boolean {
    return this.#firsts[cluster + 1] - this.#firsts[cluster] === 1;
  }

  #aloneOf(cluster: number): TimedPiece {
    return this.#alone[cluster] ??= this.#toTimed(
      this.#pieces[this.#firsts[cluster]],
    );
  }

  /** Returns the same object for the same piece. */
  #timedOf(piece: Piece): TimedPiece {
    let timed = this.#timed.get(piece);
    if (!timed) this.#timed.set(piece, timed = this.#toTimed(piece));
    return timed;
  }

  #toTimed(piece: Piece): TimedPiece {
    const { base, since, until } = piece;
    return {
      piece,
      base: addressOfBigInt(base),
      since: Number(since - this.#startTime),
      until: until === undefined ? Infinity : Number(until - this.#startTime),
      frames: undefined,
    };
  }
}
