/**
 * Records on their way to the file.
 *
 * @module
 */

import { escapeFunctionName, writePrintableAscii } from "./function_name.ts";
import { CodeLoadRecord, RecordHeader, RecordId } from "./record.ts";
import { HOST_IS_LITTLE_ENDIAN } from "./struct.ts";
import type { Uint64 } from "./uint64.ts";

const { id: ID, totalSize: TOTAL_SIZE, timestamp: TIMESTAMP } =
  RecordHeader.offsets;
const LOAD = CodeLoadRecord.offsets;

const INITIAL_CAPACITY = 4096;

const encoder = new TextEncoder();

/** What a code-load record says of a function, besides its name and code. */
export interface CodeLoad {
  pid: number;
  tid: number;
  readonly timestamp: Uint64;
  readonly address: Uint64;
  readonly codeIndex: Uint64;
}

/**
 * A buffer in which records are packed one behind the other, by the struct's
 * offsets rather than through their codecs: nothing is allocated for a record
 * once the buffer has grown to the size that is needed.
 */
export class RecordBuffer {
  #bytes = new Uint8Array(new ArrayBuffer(INITIAL_CAPACITY));
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** The memory; the records are its first {@linkcode length} bytes. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  /** How many bytes of records there are. */
  get length(): number {
    return this.#length;
  }

  /** Forgets the records. */
  clear(): void {
    this.#length = 0;
  }

  /** Adds the bytes of a function's code behind its code-load record. */
  addCode(code: Uint8Array): void {
    this.#reserve(code.length);
    this.#bytes.set(code, this.#length);
    this.#length += code.length;
  }

  /**
   * Adds a code-load record up to its code, which has `codeSize` bytes, and
   * returns the size of the whole record.
   */
  addCodeLoad(load: CodeLoad, name: string, codeSize: number): number {
    const at = this.#length;
    this.#reserve(CodeLoadRecord.size);
    this.#length += CodeLoadRecord.size;
    this.#addName(name);
    const totalSize = this.#length - at + codeSize;

    this.#u32(at + ID, RecordId.JitCodeLoad);
    this.#u32(at + TOTAL_SIZE, totalSize);
    this.#u64(at + TIMESTAMP, load.timestamp);
    this.#u32(at + LOAD.pid, load.pid);
    this.#u32(at + LOAD.tid, load.tid);
    this.#u64(at + LOAD.vma, load.address);
    this.#u64(at + LOAD.codeAddr, load.address);
    this.#u32(at + LOAD.codeSize, codeSize);
    this.#u32(at + LOAD.codeSize + 4, 0);
    this.#u64(at + LOAD.codeIndex, load.codeIndex);
    return totalSize;
  }

  #addName(name: string): void {
    this.#reserve(name.length + 1);
    if (writePrintableAscii(name, this.#bytes, this.#length)) {
      this.#length += name.length;
    } else {
      const escaped = escapeFunctionName(name);
      // A UTF-16 code unit takes three bytes of UTF-8 at the most.
      this.#reserve(3 * escaped.length + 1);
      const room = this.#bytes.subarray(this.#length);
      this.#length += encoder.encodeInto(escaped, room).written;
    }
    this.#bytes[this.#length++] = 0;
  }

  #u32(at: number, value: number): void {
    this.#view.setUint32(at, value, HOST_IS_LITTLE_ENDIAN);
  }

  #u64(at: number, value: Uint64): void {
    this.#u32(at, value.low);
    this.#u32(at + 4, value.high);
  }

  #reserve(size: number): void {
    const needed = this.#length + size;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(
      new ArrayBuffer(Math.max(needed, 2 * this.#bytes.length)),
    );
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}
