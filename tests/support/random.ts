/**
 * Random numbers for the fuzzers and tests.
 *
 * @module
 */

/** Random numbers that are the same for the same seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Returns an integer from 0 up to, but not including, `end`. */
  below(end: number): number {
    // xorshift32
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % end;
  }

  /** Returns one of the items. */
  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }
}
