/**
 * Symbols, ordered by address.
 *
 * @module
 */

import type { Address } from "./address.ts";

/** A symbol whose name has not been read yet. */
export interface UnnamedSymbol {
  readonly start: Address;
  /** Size in bytes; 0 if it extends to the next symbol. */
  readonly size: number;
  /** Rank among symbols with the same address. The greatest one is used. */
  readonly rank: number;
  /** Identification of the name for `nameOf`. */
  readonly name: number;
}

/** A named range of code. Lookups of all its addresses return the same object. */
export interface CodeSymbol {
  readonly start: Address;
  readonly end: Address;
  readonly name: string;
}

/** Maximum number of symbols before an address that are searched for one that contains it. */
const DEEPEST_NESTING = 8;

/** Symbols, found by address. A name is read on first use. */
export class SymbolTable {
  readonly #starts: Float64Array;
  readonly #ends: Float64Array;
  readonly #names: Float64Array;
  readonly #found: (CodeSymbol | undefined)[];
  readonly #nameOf: (name: number) => string;

  /**
   * @param symbols Symbols in any order.
   * @param end Address where the last symbol of size 0 ends.
   * @param isBetter Returns whether a name is preferred to the other one with the same address
   * and rank. By default, the last one in `symbols` is preferred.
   */
  constructor(
    symbols: UnnamedSymbol[],
    end: Address,
    nameOf: (name: number) => string,
    isBetter: (name: string, other: string) => boolean = () => true,
  ) {
    symbols.sort((a, b) => a.start - b.start || a.rank - b.rank);
    const used: UnnamedSymbol[] = [];
    for (const symbol of symbols) {
      const last = used.at(-1);
      if (last?.start !== symbol.start) used.push(symbol);
      else if (
        last.rank < symbol.rank ||
        isBetter(nameOf(symbol.name), nameOf(last.name))
      ) used[used.length - 1] = symbol;
    }
    // Several times as fast as Float64Array.from() (V8 15).
    const { length } = used;
    this.#starts = new Float64Array(length);
    this.#ends = new Float64Array(length);
    this.#names = new Float64Array(length);
    used.forEach(({ start, size, name }, i) => {
      this.#starts[i] = start;
      this.#ends[i] = size > 0 ? start + size : used[i + 1]?.start ?? end;
      this.#names[i] = name;
    });
    this.#found = new Array(length);
    this.#nameOf = nameOf;
  }

  /** Number of symbols. */
  get size(): number {
    return this.#starts.length;
  }

  /** Finds the innermost symbol that contains an address. */
  find(address: Address): CodeSymbol | undefined {
    let [low, high] = [0, this.#starts.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle] > address) high = middle;
      else low = middle + 1;
    }
    const last = Math.max(0, low - DEEPEST_NESTING);
    for (let i = low - 1; i >= last; i--) {
      if (address < this.#ends[i]) return this.#symbol(i);
    }
    return undefined;
  }

  #symbol(i: number): CodeSymbol | undefined {
    const found = this.#found[i];
    if (found !== undefined) return found;
    const name = this.#nameOf(this.#names[i]);
    if (name === "") return undefined;
    return this.#found[i] = {
      start: this.#starts[i],
      end: this.#ends[i],
      name,
    };
  }
}
