/**
 * An encoder of protobuf messages.
 *
 * @module
 */

const INITIAL_CAPACITY = 64;

/** Wire types. */
const VARINT = 0;
const LENGTH_DELIMITED = 2;

const encoder = new TextEncoder();

/** A message that is being written. Fields with the value 0 are omitted, as in proto3. */
export class ProtobufMessage {
  #bytes = new Uint8Array(INITIAL_CAPACITY);
  #size = 0;

  /** The encoded message. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#size);
  }

  /** Adds a field of an unsigned type, or of a signed one that is not negative. */
  integer(field: number, value: number | bigint): this {
    if (Number(value) === 0) return this;
    this.#tag(field, VARINT);
    this.#varint(value);
    return this;
  }

  /** Adds a repeated field of integers. */
  integers(field: number, values: Iterable<number>): this {
    const packed = new ProtobufMessage();
    for (const value of values) packed.#varint(value);
    return this.#delimited(field, packed.bytes);
  }

  /** Adds a field with a string, even an empty one. */
  text(field: number, value: string): this {
    return this.#delimited(field, encoder.encode(value));
  }

  /** Adds a field with a message. */
  message(field: number, value: ProtobufMessage): this {
    return this.#delimited(field, value.bytes);
  }

  #delimited(field: number, bytes: Uint8Array): this {
    this.#tag(field, LENGTH_DELIMITED);
    this.#varint(bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#size);
    this.#size += bytes.length;
    return this;
  }

  #tag(field: number, wireType: number): void {
    this.#varint(field << 3 | wireType);
  }

  #varint(value: number | bigint): void {
    let rest = BigInt(value);
    this.#reserve(10);
    while (rest > 0x7fn) {
      this.#bytes[this.#size++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#bytes[this.#size++] = Number(rest);
  }

  #reserve(count: number): void {
    const least = this.#size + count;
    if (least <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, least));
    larger.set(this.bytes);
    this.#bytes = larger;
  }
}
