/**
 * Encoding of numbers in DWARF.
 *
 * @module
 */

/** A growing buffer of bytes. It is little-endian, as x86-64 and AArch64 are. */
export class DwarfWriter {
  #bytes = new Uint8Array(256);
  #length = 0;

  /** Size in bytes. */
  get length(): number {
    return this.#length;
  }

  /** Returns a copy of the bytes. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** Writes 8 bits. */
  u8(value: number): void {
    if (this.#length === this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[this.#length++] = value;
  }

  /** Writes 16 bits. */
  u16(value: number): void {
    this.u8(value);
    this.u8(value >> 8);
  }

  /** Writes 32 bits. */
  u32(value: number): void {
    this.u16(value);
    this.u16(value >> 16);
  }

  /** Writes an unsigned LEB128. */
  uleb(value: number): void {
    for (; value >= 0x80; value = Math.floor(value / 0x80)) {
      this.u8(value % 0x80 | 0x80);
    }
    this.u8(value);
  }

  /** Writes a signed LEB128 of a 32-bit value. */
  sleb(value: number): void {
    for (; value < -0x40 || value > 0x3f; value >>= 7) {
      this.u8(value & 0x7f | 0x80);
    }
    this.u8(value & 0x7f);
  }

  /** Overwrites the u32 at `at`. */
  patchU32(at: number, value: number): void {
    for (let i = 0; i < 4; i++) this.#bytes[at + i] = value >> 8 * i;
  }

  /** Pads with `byte` to a multiple of `size` bytes. */
  align(size: number, byte: number): void {
    while (this.#length % size !== 0) this.u8(byte);
  }
}
