/**
 * The functions of one dump, found by address and time.
 *
 * @module
 */

import { type CodeHistory, NO_PIECE } from "../reader/code_history.ts";
import { type Address, addressOfBigInt } from "../symbols/address.ts";
import { FunctionFrames } from "./function_frames.ts";

/** First address after the user addresses of any system. */
const USER_END = 2n ** 63n;

/**
 * The functions of one dump. A piece of code is an index into columns of addresses and times;
 * times are nanoseconds since the recording's start. Most addresses belong to one function at
 * all times, so overlapping ranges form clusters, which a binary search finds. Only clusters
 * of several pieces need BigInts. If the dump has another clock than the recording, only
 * functions that share no address with others can be found.
 */
export class DumpedCode {
  readonly history: CodeHistory;
  /** The frames of its functions. */
  readonly frames: FunctionFrames;
  /** True if it has no functions. */
  readonly isEmpty: boolean;
  /**
   * The first and the last timestamp of a function; NaN if there is no function, or if the
   * timestamps are of another clock.
   */
  readonly first: number;
  readonly last: number;
  readonly #startTime: bigint | undefined;
  /** The ranges of clusters, in order. */
  readonly #starts: Float64Array;
  readonly #ends: Float64Array;
  readonly #clusters: number;
  /** Columns of pieces. */
  readonly #functions: Int32Array;
  readonly #bases: Float64Array;
  readonly #since: Float64Array;
  readonly #until: Float64Array;
  /** The last result for an address in a cluster of several pieces. */
  readonly #recent = new Map<Address, number>();

  /** @param startTime The time that counts as 0; undefined if its times are of another clock. */
  constructor(history: CodeHistory, startTime: bigint | undefined) {
    this.history = history;
    this.frames = new FunctionFrames(history.functions);
    this.#startTime = startTime;
    const { pieces, times } = history;
    this.isEmpty = times === undefined;
    const toNumber = (time: bigint | undefined, otherwise: number) =>
      time === undefined || startTime === undefined
        ? otherwise
        : Number(time - startTime);
    this.first = toNumber(times?.first, NaN);
    this.last = toNumber(times?.last, NaN);
    const { count, clusterCount } = pieces;
    this.#functions = new Int32Array(count);
    this.#bases = new Float64Array(count);
    this.#since = new Float64Array(count);
    this.#until = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      this.#functions[i] = pieces.functionOf(i);
      this.#bases[i] = addressOfBigInt(pieces.base(i));
      this.#since[i] = toNumber(pieces.since(i), -Infinity);
      this.#until[i] = toNumber(pieces.until(i), Infinity);
    }
    this.#starts = new Float64Array(clusterCount);
    this.#ends = new Float64Array(clusterCount);
    let clusters = 0;
    for (; clusters < clusterCount; clusters++) {
      const start = pieces.start(pieces.firstOf(clusters));
      if (start >= USER_END) break;
      this.#starts[clusters] = Number(start);
      this.#ends[clusters] = Number(pieces.lastAddress(clusters) + 1n);
    }
    this.#clusters = clusters;
  }

  /** Returns the function of a piece. */
  functionOf(piece: number): number {
    return this.#functions[piece];
  }

  /** Returns the address of a piece's function. */
  baseOf(piece: number): Address {
    return this.#bases[piece];
  }

  /** Returns the time at which a piece's code arrives. */
  sinceOf(piece: number): number {
    return this.#since[piece];
  }

  /** Returns the time at which a piece's code is replaced; Infinity if it stays. */
  untilOf(piece: number): number {
    return this.#until[piece];
  }

  /** Finds the piece at an address at a time, or `NO_PIECE`. */
  find(address: Address, time: number): number {
    const cluster = this.#clusterAt(address);
    if (cluster < 0) return NO_PIECE;
    const { pieces } = this.history;
    const first = pieces.firstOf(cluster);
    if (pieces.firstOf(cluster + 1) === first + 1) {
      return this.#isCurrent(first, time) ? first : NO_PIECE;
    }
    if (this.#startTime === undefined) return NO_PIECE;
    const recent = this.#recent.get(address);
    if (recent !== undefined && this.#isCurrent(recent, time)) return recent;
    const at = this.#startTime + BigInt(Math.floor(time));
    const piece = pieces.find(BigInt(address), at);
    if (piece !== NO_PIECE) this.#recent.set(address, piece);
    return piece;
  }

  /** Finds the piece of the first function ever at an address, if it is later than a time. */
  findLater(address: Address, time: number): number {
    const cluster = this.#clusterAt(address);
    if (cluster < 0) return NO_PIECE;
    const piece = this.history.pieces.findFirst(BigInt(address));
    return piece !== NO_PIECE && this.#since[piece] > time ? piece : NO_PIECE;
  }

  #isCurrent(piece: number, time: number): boolean {
    return this.#since[piece] <= time && time < this.#until[piece];
  }

  /** Returns the cluster of an address, or −1. */
  #clusterAt(address: Address): number {
    const starts = this.#starts;
    let [low, high] = [0, this.#clusters];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (starts[middle] > address) high = middle;
      else low = middle + 1;
    }
    return low > 0 && address < this.#ends[low - 1] ? low - 1 : -1;
  }
}
