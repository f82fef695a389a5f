/**
 * Bytes of a recording, and access to the numbers in them.
 *
 * @module
 */

import { PerfDataFormatError } from "./format_error.ts";

const TWO_32 = 0x1_0000_0000;

const decoder = new TextDecoder();

/** A part of a recording in memory. Its bytes never change, so records can be views of it. */
export class Window {
  /** The bytes. */
  readonly bytes: Uint8Array;
  /** A view of the same bytes. */
  readonly view: DataView;
  /** The byte order of the machine that wrote the recording. */
  readonly littleEndian: boolean;
  /** The file's name in a recording that is a directory. */
  readonly file: string | undefined;
  readonly #offset: number;
  readonly #isCompressed: boolean;

  /**
   * Wraps bytes.
   *
   * @param offset Position of the first byte in the file. If `isCompressed`, all bytes
   * are from the compressed record at this position.
   */
  constructor(
    bytes: Uint8Array,
    littleEndian: boolean,
    offset: number,
    file?: string,
    isCompressed = false,
  ) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.littleEndian = littleEndian;
    this.file = file;
    this.#offset = offset;
    this.#isCompressed = isCompressed;
  }

  /** Returns the position in the file of a byte of the window. */
  offsetOf(at: number): number {
    return this.#isCompressed ? this.#offset : this.#offset + at;
  }

  u8(at: number): number {
    return this.view.getUint8(at);
  }

  u16(at: number): number {
    return this.view.getUint16(at, this.littleEndian);
  }

  u32(at: number): number {
    return this.view.getUint32(at, this.littleEndian);
  }

  u64(at: number): bigint {
    return this.view.getBigUint64(at, this.littleEndian);
  }

  /** Returns bits 0 to 31 of a u64. */
  low(at: number): number {
    return this.u32(this.littleEndian ? at : at + 4);
  }

  /** Returns bits 32 to 63 of a u64. */
  high(at: number): number {
    return this.u32(this.littleEndian ? at + 4 : at);
  }

  /** Returns a u64 as a `number`: exact up to 2^53, close above. */
  number(at: number): number {
    return this.high(at) * TWO_32 + this.low(at);
  }

  /** Returns a text that ends at its NUL, or at `end` if there is none. */
  text(start: number, end: number): string {
    const bytes = this.bytes.subarray(start, Math.max(start, end));
    const nul = bytes.indexOf(0);
    return decoder.decode(nul === -1 ? bytes : bytes.subarray(0, nul));
  }

  /** Throws the error for the field at `at`. */
  refuse(problem: string, record: string, field: string, at: number): never {
    const { file } = this;
    const offset = this.offsetOf(at);
    throw new PerfDataFormatError(problem, { offset, record, field, file });
  }
}

/** An array of u64 in a recording, decoded on access and not copied. */
export class U64Array {
  readonly #window: Window;
  readonly #at: number;
  /** Number of elements. */
  readonly length: number;

  /** Wraps `length` numbers from `at` on, which the window must contain. */
  constructor(window: Window, at: number, length: number) {
    this.#window = window;
    this.#at = at;
    this.length = length;
  }

  /** Returns bits 0 to 31 of an element. */
  low(index: number): number {
    return this.#window.low(this.#at + 8 * index);
  }

  /** Returns bits 32 to 63 of an element. */
  high(index: number): number {
    return this.#window.high(this.#at + 8 * index);
  }

  /** Returns an element. */
  get(index: number): bigint {
    return this.#window.u64(this.#at + 8 * index);
  }

  /** Iterates over the elements. */
  *[Symbol.iterator](): Generator<bigint, void> {
    for (let i = 0; i < this.length; i++) yield this.get(i);
  }
}

/**
 * Bytes that are added piece by piece and consumed from the front.
 *
 *     buffer  ├──────────────┬─────────────────────┬────────────┤
 *             0              at                    end          capacity
 *             consumed:      bytes to read         space for more
 *             records are views of them
 *
 * Bytes never change after they are added: if the space is used up, the unread bytes move
 * to a new buffer.
 */
export class ByteQueue {
  readonly #littleEndian: boolean;
  readonly #file: string | undefined;
  readonly #isCompressed: boolean;
  #window: Window;
  /** Position in the file of the window's first byte. */
  #offset: number;
  /** Start of the next record in the window. */
  at = 0;
  #end = 0;

  /** Creates an empty queue; see {@linkcode Window} for the parameters. */
  constructor(
    littleEndian: boolean,
    offset: number,
    file?: string,
    isCompressed = false,
  ) {
    this.#littleEndian = littleEndian;
    this.#offset = offset;
    this.#file = file;
    this.#isCompressed = isCompressed;
    this.#window = this.#windowOf(new Uint8Array(0), offset);
  }

  /** The bytes, from position 0 to `end`. */
  get window(): Window {
    return this.#window;
  }

  /** End of the added bytes in the window. */
  get end(): number {
    return this.#end;
  }

  /** Number of bytes to read. */
  get left(): number {
    return this.#end - this.at;
  }

  /** Position in the file of the next byte to read. */
  get position(): number {
    return this.#offset + this.at;
  }

  /**
   * Adds a buffer, which the caller must not change. It is copied only if unread bytes remain.
   *
   * @param offset Position in the file, for compressed data. Errors about records that
   * start in earlier data keep its position.
   */
  append(bytes: Uint8Array, offset?: number): void {
    const { left } = this;
    if (left === 0) {
      this.#offset = offset ?? this.position;
      this.#window = this.#windowOf(bytes, this.#offset);
      this.at = 0;
      this.#end = bytes.length;
      return;
    }
    if (this.#window.bytes.length - this.#end < bytes.length) {
      const rest = this.#window.bytes.subarray(this.at, this.#end);
      // Twice the rest, so that small pieces of a large record cost linear time.
      const buffer = new Uint8Array(2 * rest.length + bytes.length);
      buffer.set(rest);
      this.#offset = offset ?? this.position;
      this.#window = this.#windowOf(buffer, this.#offset);
      this.at = 0;
      this.#end = rest.length;
    }
    this.#window.bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Discards all bytes and continues at another position of the file. */
  seek(offset: number): void {
    this.#offset = offset;
    this.#window = this.#windowOf(new Uint8Array(0), offset);
    this.at = 0;
    this.#end = 0;
  }

  #windowOf(bytes: Uint8Array, offset: number): Window {
    return new Window(
      bytes,
      this.#littleEndian,
      offset,
      this.#file,
      this.#isCompressed,
    );
  }
}
