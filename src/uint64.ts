/**
 * 64-bit integers without garbage.
 *
 * @module
 */

/**
 * A mutable unsigned 64-bit integer, as two halves. A `bigint` is a new object
 * with each value; this one is made once and set for each record.
 */
export class Uint64 {
  readonly #halves = new Uint32Array(2);
  readonly #whole = new BigUint64Array(this.#halves.buffer);

  /** Bits 0 to 31. */
  get low(): number {
    return this.#halves[0];
  }

  /** Bits 32 to 63. */
  get high(): number {
    return this.#halves[1];
  }

  set(low: number, high: number): void {
    this.#halves[0] = low;
    this.#halves[1] = high;
  }

  get value(): bigint {
    return this.#whole[0];
  }

  set value(value: bigint) {
    this.#whole[0] = value;
  }
}
