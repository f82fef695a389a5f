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
  /** Infinity if it lasts. */
  readonly until: number;
  /** The frames of its function, once it has been named. */
  frames: FunctionFrames | undefined;
}

/** Ranges that overlap, directly or by others between them. */
interface Cluster {
  readonly end: Address;
  /** The piece, if the ranges are of one. */
  readonly only: TimedPiece | undefined;
}

/**
 * The functions of one dump. Most addresses are one function's for good, so the ranges that
 * overlap are joined to clusters, and a binary search among numbers finds the cluster. Only
 * in clusters of several pieces the timeline is asked.
 */
export class DumpedCode {
  readonly timeline: CodeTimeline;
  /** Number of functions. */
  readonly count: number;
  /** The first and the last time of a function; NaN if there is none. */
  readonly first: number;
  readonly last: number;
  readonly #startTime: bigint;
  readonly #starts: Float64Array;
  readonly #clusters: Cluster[] = [];
  readonly #timed = new Map<Piece, TimedPiece>();
  /** The last answer for an address in a cluster of several pieces. */
  readonly #recent = new Map<Address, TimedPiece>();

  /** @param startTime The time from which times count. */
  constructor(timeline: CodeTimeline, startTime: bigint) {
    this.timeline = timeline;
    this.#startTime = startTime;
    const { pieces, stays } = timeline;
    this.count = stays.length;
    this.first = Number((stays[0]?.since ?? 0n) - startTime);
    this.last = Number((stays.at(-1)?.since ?? 0n) - startTime);
    const starts: Address[] = [];
    for (let i = 0; i < pieces.length;) {
      const start = pieces[i].start;
      let { end } = pieces[i];
      let next = i + 1;
      for (; next < pieces.length && pieces[next].start < end; next++) {
        if (pieces[next].end > end) end = pieces[next].end;
      }
      const only = next === i + 1 ? this.#toTimed(pieces[i]) : undefined;
      starts.push(addressOfBigInt(start));
      this.#clusters.push({ end: addressOfBigInt(end), only });
      i = next;
    }
    this.#starts = Float64Array.from(starts);
  }

  /** Finds the function that was at an address at a time. */
  find(address: Address, time: number): TimedPiece | undefined {
    const cluster = this.#clusterAt(address);
    if (cluster === undefined) return undefined;
    const { only } = cluster;
    if (only !== undefined) {
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

  /** Finds the function that came to an address after a time, if no other was there ever. */
  findLater(address: Address, time: number): TimedPiece | undefined {
    const cluster = this.#clusterAt(address);
    if (cluster === undefined) return undefined;
    let first = cluster.only;
    if (first === undefined) {
      const piece = this.timeline.firstPieceAt(BigInt(address));
      if (piece) first = this.#timedOf(piece);
    }
    return first && first.since > time ? first : undefined;
  }

  #clusterAt(address: Address): Cluster | undefined {
    const starts = this.#starts;
    let [low, high] = [0, starts.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (starts[middle] > address) high = middle;
      else low = middle + 1;
    }
    const cluster = this.#clusters[low - 1];
    return cluster !== undefined && address < cluster.end ? cluster : undefined;
  }

  /** The same object for the same piece. */
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
