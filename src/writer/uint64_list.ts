/**
 * A list of 64-bit integers.
 *
 * @module
 */

/** A growing list of 64-bit integers. */
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

  /** Returns the integers of the list. */
  toArray(): BigUint64Array<ArrayBuffer> {
    return this.#values.slice(0, this.#length);
  }
}
