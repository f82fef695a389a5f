/**
 * 64-bit integers without allocation.
 *
 * @module
 */

/**
 * A mutable unsigned 64-bit integer, as two halves. A `bigint` is a new object for each
 * value; this one is allocated once and set for each record.
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

/** A growing list of 64-bit integers, which become bigints only at the end. */
export class Uint64List {
  #halves = new Uint32Array(1024);
  #length = 0;

  push(value: Uint64): void {
    const at = 2 * this.#length++;
    if (at === this.#halves.length) {
      const old = this.#halves;
      this.#halves = new Uint32Array(2 * at);
      this.#halves.set(old);
    }
    this.#halves[at] = value.low;
    this.#halves[at + 1] = value.high;
  }

  /** Returns all integers of the list. */
  toArray(): bigint[] {
    const wholes = new BigUint64Array(this.#halves.buffer, 0, this.#length);
    // Several times as fast as Array.from() or a growing array (V8 15).
    const values = new Array<bigint>(wholes.length);
    for (let i = 0; i < wholes.length; i++) values[i] = wholes[i];
    return values;
  }
}
