/**
 * Packing records into a buffer.
 *
 * @module
 */

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
 * Size of a write from which its system call costs next to nothing. Larger code is not
 * copied but written from its own memory, so that the buffer stays small.
 */
export const BATCH_SIZE = 256 * 1024;

/** Maximum number of bytes that Linux writes in one call (MAX_RW_COUNT); see write(2). */
export const MAX_WRITE = 0x7fff_f000;

/** A buffer that has grown beyond this, for a very long name, is not kept. */
const KEPT_CAPACITY = 4 * BATCH_SIZE;

/** The fields that records of loaded and moved functions share. */
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

/** Returns the total size in bytes. */
export function packedSize({ length, trailing }: Packed): number {
  return trailing ? length + trailing.length : length;
}

/**
 * A buffer into which records are packed one after another, by the structs' offsets
 * rather than their codecs: nothing is allocated for a record once the buffer has its
 * size.
 */
export class RecordBuffer implements Packed {
  #bytes = new Uint8Array(new ArrayBuffer(INITIAL_CAPACITY));
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  #trailing: Uint8Array | undefined;
  /** The start of the record that is being packed. */
  #start = 0;
  /** The last file name in the record, and its range, with its NUL. */
  #fileName = "";
  #fileNameAt = 0;
  #fileNameEnd = 0;

  /** The memory; the records are its first {@linkcode length} bytes. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  /** Size of the records in bytes, without {@linkcode trailing}. */
  get length(): number {
    return this.#length;
  }

  /** Large code that follows the bytes, and is not copied. No record follows it. */
  get trailing(): Uint8Array | undefined {
    return this.#trailing;
  }

  /** Size of the records in bytes, with {@linkcode trailing}. */
  get size(): number {
    return packedSize(this);
  }

  /** Discards all but the first `length` bytes. */
  truncate(length: number): void {
    this.#length = length;
    this.#trailing = undefined;
    if (length === 0 && this.#bytes.length > KEPT_CAPACITY) {
      this.#setMemory(INITIAL_CAPACITY);
    }
  }

  /** Returns the first `length` bytes, which are whole records. */
  start(length: number): Packed {
    return { bytes: this.#bytes, length };
  }

  /** Discards the first `length` bytes. */
  dropStart(length: number): void {
    this.#bytes.copyWithin(0, length, this.#length);
    this.#length -= length;
  }

  /** Adds a code-load record. */
  addCodeLoad(load: CodeEvent, name: string, code: Uint8Array): void {
    const size = code.length;
    const at = this.#begin(
      RecordId.JitCodeLoad,
      CodeLoadRecord.size,
      load.timestamp,
    );
    this.#u32(at + LOAD.pid, load.pid);
    this.#u32(at + LOAD.tid, load.tid);
    this.#u64(at + LOAD.vma, load.address);
    this.#u64(at + LOAD.codeAddr, load.address);
    this.#size(at + LOAD.codeSize, size);
    this.#u64(at + LOAD.codeIndex, load.codeIndex);
    this.#addFunctionName(name);
    if (size <= BATCH_SIZE) this.#addBytes(code);
    // A fresh view: the kernel reads the memory that it describes.
    else this.#trailing = new Uint8Array(code.buffer, code.byteOffset, size);
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
   * Adds a code-close record: a header and some padding. perf (6.1 to 7.2) takes a body
   * of 0 bytes for a failed read, and stops.
   */
  addCodeClose(timestamp: Uint64): void {
    this.#begin(RecordId.JitCodeClose, RecordHeader.size, timestamp);
    this.#addBytes(CLOSE_PADDING);
    this.#end();
  }

  /**
   * Begins a debug-info record. {@linkcode addDebugEntry} adds its entries, and
   * {@linkcode endDebugInfo} ends it.
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

  /** Adds the entry for the code `offset` bytes after `address`. */
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

  /** Ends a debug-info record. */
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

  /** Begins a record with a fixed part of `size` bytes; returns its position. */
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

  #addBytes(bytes: Uint8Array): void {
    const at = this.#extend(bytes.length);
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

  /** Adds a text with its NUL. */
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

  /** Writes a size below 2³² to a 64-bit field. */
  #size(at: number, value: number): void {
    this.#u32(at, value);
    this.#u32(at + 4, 0);
  }

  /** Adds `size` bytes; returns their position. */
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
