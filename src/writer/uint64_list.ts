/**
 * A list of 64-bit integers.
 *
 * @module
 */

/** A growing list of 64-bit integers, which become bigints only at the end. */
export class Uint64List {
  #values = new BigUint64Array(512);
  #length = 0;

  push(value: bigint): void {
    if (this.#length === this.#values.length) {
      const old = this.#values;
      this.#values = new BigUint64Array(2 * old.length);
      this.#values.set(old);
    }
    this.#values[this.#length++] = value;
  }

  /** Returns all integers of the list. */
  toArray(): bigint[] {
    // Several times as fast as Array.from() or a growing array (V8 15).
    const values = new Array<bigint>(this.#length);
    for (let i = 0; i < values.length; i++) values[i] = this.#values[i];
    return values;
  }
}
