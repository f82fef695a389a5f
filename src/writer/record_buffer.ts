/**
 * Records on their way to the file.
 *
 * @module
 */

import { viewOf } from "../arguments.ts";
import { escapeFunctionName, writePlainName } from "./function_name.ts";
import {
  CodeLoadRecord,
  CodeMoveRecord,
  DebugEntry,
  DebugInfoRecord,
  RecordHeader,
  RecordId,
  UnwindingInfoRecord,
} from "../format/record.ts";
import { LITTLE_ENDIAN } from "../format/struct.ts";
import type { Uint64 } from "./uint64.ts";
import { UTF8_BYTES_PER_UNIT, writeUtf8 } from "./utf8.ts";

const HEADER = RecordHeader.offsets;
const LOAD = CodeLoadRecord.offsets;
const MOVE = CodeMoveRecord.offsets;
const INFO = DebugInfoRecord.offsets;
const ENTRY = DebugEntry.offsets;
const UNWINDING = UnwindingInfoRecord.offsets;

const INITIAL_CAPACITY = 4096;

const CLOSE_PADDING = new Uint8Array(8);

/**
 * The size of a write that is worth its system call. Code of up to this many bytes is
 * copied into the buffer, and so is code with a tail; other code is written from where
 * it lies, so that the buffer stays small.
 */
export const BATCH_SIZE = 256 * 1024;

/** The most that Linux writes in one call (MAX_RW_COUNT); see write(2). */
export const MAX_WRITE = 0x7fff_f000;

/** A buffer that has grown beyond this, for a name of that size, is not kept. */
const KEPT_CAPACITY = 4 * BATCH_SIZE;

/** Who did something to which code, and when. */
export interface CodeEvent {
  pid: number;
  tid: number;
  readonly timestamp: Uint64;
  readonly address: Uint64;
  readonly codeIndex: Uint64;
}

/** Packed records: the first `length` bytes, and large code that follows them. */
export interface Packed {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly length: number;
  readonly trailing?: Uint8Array;
}

/** How many bytes there are in all. */
export function packedSize({ length, trailing }: Packed): number {
  return trailing ? length + trailing.length : length;
}

/**
 * A buffer in which records are packed one behind the other, by the structs'
 * offsets rather than through their codecs: nothing is allocated for a record
 * once the buffer has grown to the size that is needed.
 */
export class RecordBuffer implements Packed {
  #bytes = new Uint8Array(new ArrayBuffer(INITIAL_CAPACITY));
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  #trailing: Uint8Array | undefined;
  /** Where the record that is being packed starts. */
  #start = 0;
  /** The file name that was written last in the record, and where, its NUL included. */
  #fileName = "";
  #fileNameAt = 0;
  #fileNameEnd = 0;

  /** The memory; the records are its first {@linkcode length} bytes. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  /** How many bytes of records there are. */
  get length(): number {
    return this.#length;
  }

  /** Large code that follows the bytes, and is not copied; nothing may follow it. */
  get trailing(): Uint8Array | undefined {
    return this.#trailing;
  }

  /** The bytes and what follows them. */
  get size(): number {
    return packedSize(this);
  }

  /** Forgets all but the first `length` bytes. */
  truncate(length: number): void {
    this.#length = length;
    this.#trailing = undefined;
    if (length === 0 && this.#bytes.length > KEPT_CAPACITY) {
      this.#setMemory(INITIAL_CAPACITY);
    }
  }

  /** The first `length` bytes, of whole records. */
  start(length: number): Packed {
    return { bytes: this.#bytes, length };
  }

  /** Forgets the first `length` bytes. */
  dropStart(length: number): void {
    this.#bytes.copyWithin(0, length, this.#length);
    this.#length -= length;
  }

  /**
   * Adds a code-load record; its code has a tail where one is given.
   *
   * @param code A function's code; what it says of its length is not asked for.
   * @param size How many bytes it has.
   */
  addCodeLoad(
    load: CodeEvent,
    name: string,
    code: Uint8Array,
    size: number,
    tail?: Uint8Array,
  ): void {
    const at = this.#begin(
      RecordId.JitCodeLoad,
      CodeLoadRecord.size,
      load.timestamp,
    );
    this.#u32(at + LOAD.pid, load.pid);
    this.#u32(at + LOAD.tid, load.tid);
    this.#u64(at + LOAD.vma, load.address);
    this.#u64(at + LOAD.codeAddr, load.address);
    this.#size(at + LOAD.codeSize, size + (tail ? tail.length : 0));
    this.#u64(at + LOAD.codeIndex, load.codeIndex);
    this.#addFunctionName(name);
    if (tail || size <= BATCH_SIZE) this.#addBytes(code, size);
    else this.#trailing = viewOf(code);
    if (tail) this.#addBytes(tail);
    this.#end();
  }

  /** Adds a code-move record; `move.address` is the new one. */
  addCodeMove(move: CodeEvent, oldAddress: Uint64, codeSize: number): void {
    const at = this.#begin(
      RecordId.JitCodeMove,
      CodeMoveRecord.size,
      move.timestamp,
    );
    this.#u32(at + MOVE.pid, move.pid);
    this.#u32(at + MOVE.tid, move.tid);
    this.#u64(at + MOVE.vma, move.address);
    this.#u64(at + MOVE.oldCodeAddr, oldAddress);
    this.#u64(at + MOVE.newCodeAddr, move.address);
    this.#size(at + MOVE.codeSize, codeSize);
    this.#u64(at + MOVE.codeIndex, move.codeIndex);
    this.#end();
  }

  /**
   * Adds a code-close record. It is a header, and some padding: perf takes the
   * reading of a body without bytes for one that failed, and reads no further.
   */
  addCodeClose(timestamp: Uint64): void {
    this.#begin(RecordId.JitCodeClose, RecordHeader.size, timestamp);
    this.#addBytes(CLOSE_PADDING);
    this.#end();
  }

  /**
   * Starts a debug-info record; its entries follow by {@linkcode addDebugEntry},
   * and {@linkcode endDebugInfo} ends it.
   */
  beginDebugInfo(timestamp: Uint64, address: Uint64, nrEntry: number): void {
    const at = this.#begin(
      RecordId.JitCodeDebugInfo,
      DebugInfoRecord.size,
      timestamp,
    );
    this.#u64(at + INFO.codeAddr, address);
    this.#size(at + INFO.nrEntry, nrEntry);
    this.#fileName = "";
  }

  /** Adds the entry for the code that is `offset` bytes behind `address`. */
  addDebugEntry(
    address: Uint64,
    offset: number,
    line: number,
    discrim: number,
    fileName: string,
  ): void {
    const at = this.#extend(DebugEntry.size);
    this.#u64(at + ENTRY.codeAddr, address, offset);
    this.#u32(at + ENTRY.line, line);
    this.#u32(at + ENTRY.discrim, discrim);
    this.#addFileName(fileName);
  }

  endDebugInfo(): void {
    this.#end();
  }

  /** Adds an unwinding-info record with its data. */
  addUnwindingInfo(
    timestamp: Uint64,
    ehFrame: Uint8Array,
    ehFrameHdr: Uint8Array,
    mappedSize: number,
  ): void {
    const at = this.#begin(
      RecordId.JitCodeUnwindingInfo,
      UnwindingInfoRecord.size,
      timestamp,
    );
    this.#size(
      at + UNWINDING.unwindingSize,
      ehFrame.length + ehFrameHdr.length,
    );
    this.#size(at + UNWINDING.ehFrameHdrSize, ehFrameHdr.length);
    this.#size(at + UNWINDING.mappedSize, mappedSize);
    this.#addBytes(ehFrame);
    this.#addBytes(ehFrameHdr);
    this.#end();
  }

  /** Starts a record with a fixed part of `size` bytes; returns where. */
  #begin(id: RecordId, size: number, timestamp: Uint64): number {
    const at = this.#extend(size);
    this.#start = at;
    this.#u32(at + HEADER.id, id);
    this.#u64(at + HEADER.timestamp, timestamp);
    return at;
  }

  /** Ends the record. */
  #end(): void {
    this.#u32(this.#start + HEADER.totalSize, this.size - this.#start);
  }

  #addBytes(bytes: Uint8Array, size = bytes.length): void {
    const at = this.#extend(size);
    this.#bytes.set(bytes, at);
  }

  #addFunctionName(name: string): void {
    this.#reserve(name.length + 1);
    const end = this.#length + name.length;
    if (!writePlainName(name, this.#bytes, this.#length)) {
      return this.#addText(escapeFunctionName(name));
    }
    this.#bytes[end] = 0;
    this.#length = end + 1;
  }

  #addFileName(name: string): void {
    if (name === this.#fileName) {
      const at = this.#extend(this.#fileNameEnd - this.#fileNameAt);
      this.#bytes.copyWithin(at, this.#fileNameAt, this.#fileNameEnd);
      return;
    }
    this.#fileName = name;
    this.#fileNameAt = this.#length;
    this.#addText(name);
    this.#fileNameEnd = this.#length;
  }

  /** Adds a text and its NUL. */
  #addText(text: string): void {
    this.#reserve(UTF8_BYTES_PER_UNIT * text.length + 1);
    const end = writeUtf8(text, this.#bytes, this.#length);
    this.#bytes[end] = 0;
    this.#length = end + 1;
  }

  #u32(at: number, value: number): void {
    this.#view.setUint32(at, value, LITTLE_ENDIAN);
  }

  /** Writes `value` + `offset`, which wraps. */
  #u64(at: number, value: Uint64, offset = 0): void {
    const low = value.low + offset;
    this.#u32(at, low);
    this.#u32(at + 4, value.high + (low > 0xffff_ffff ? 1 : 0));
  }

  /** Writes a size below 2³² to a field of 64 bits. */
  #size(at: number, value: number): void {
    this.#u32(at, value);
    this.#u32(at + 4, 0);
  }

  /** Makes `size` bytes more; returns where they are. */
  #extend(size: number): number {
    this.#reserve(size);
    const at = this.#length;
    this.#length += size;
    return at;
  }

  #reserve(size: number): void {
    const needed = this.#length + size;
    if (needed <= this.#bytes.length) return;
    const old = this.#bytes.subarray(0, this.#length);
    this.#setMemory(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.set(old);
  }

  #setMemory(capacity: number): void {
    this.#bytes = new Uint8Array(new ArrayBuffer(capacity));
    this.#view = new DataView(this.#bytes.buffer);
  }
}
