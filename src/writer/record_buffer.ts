/**
 * Packing records into a buffer.
 *
 * @module
 */

import { escapeFunctionName, writePlainText } from "./function_name.ts";
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

const HEADER = RecordHeader.offsets;
const MOVE = CodeMoveRecord.offsets;
const INFO = DebugInfoRecord.offsets;
const ENTRY = DebugEntry.offsets;
const UNWINDING = UnwindingInfoRecord.offsets;

// Indices of a code-load record's fields, in arrays of 32-bit and of 64-bit words.
const LOAD = CodeLoadRecord.offsets;
const ID = HEADER.id / 4;
const TOTAL_SIZE = HEADER.totalSize / 4;
const PID = LOAD.pid / 4;
const TID = LOAD.tid / 4;
const CODE_SIZE = LOAD.codeSize / 4;
const CODE_SIZE_HIGH = CODE_SIZE + 1;
const TIMESTAMP = HEADER.timestamp / 8;
const VMA = LOAD.vma / 8;
const CODE_ADDR = LOAD.codeAddr / 8;
const CODE_INDEX = LOAD.codeIndex / 8;

const INITIAL_CAPACITY = 4096;

const CLOSE_PADDING = new Uint8Array(8);

/**
 * Size of a write from which the cost of the system call is negligible. Larger code is
 * not copied but written from its own memory, so that the buffer stays small.
 */
export const BATCH_SIZE = 256 * 1024;

/** Maximum number of bytes that Linux writes in one call (MAX_RW_COUNT); see write(2). */
export const MAX_WRITE = 0x7fff_f000;

/** Maximum size of a buffer that is kept; a very long name makes it larger. */
const KEPT_CAPACITY = 4 * BATCH_SIZE;

/** Maximum length of a text that a loop writes faster than TextEncoder (V8 15). */
const LONGEST_LOOP = 64;

/** The fields that records of loaded and moved functions share. */
export interface CodeEvent {
  readonly pid: number;
  readonly tid: number;
  readonly timestamp: bigint;
  readonly address: bigint;
  readonly codeIndex: bigint;
}

/** Maximum number of bytes of a UTF-16 code unit in UTF-8. */
const UTF8_BYTES_PER_UNIT = 3;

const encoder = new TextEncoder();

/** Packed records: the first `length` bytes of `bytes`, and large code that follows them. */
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
 * The fixed part of a code-load record. Before V8 has compiled a caller, an element of an
 * array is set in a third of the time that a DataView takes (V8 15).
 */
class CodeLoad {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly words: Uint32Array;
  readonly longs: BigUint64Array;

  /** @param memory Memory whose first bytes are the record. */
  constructor(memory = new ArrayBuffer(CodeLoadRecord.size)) {
    this.bytes = new Uint8Array(memory, 0, CodeLoadRecord.size);
    this.words = new Uint32Array(memory, 0, CodeLoadRecord.size / 4);
    this.longs = new BigUint64Array(memory, 0, CodeLoadRecord.size / 8);
  }
}

/**
 * A buffer into which records are packed one after another. It uses the structs' offsets
 * rather than their codecs, so that no memory is allocated for a record once the buffer is
 * large enough.
 */
export class RecordBuffer implements Packed {
  /** The memory; the records are its first {@linkcode length} bytes. */
  bytes = new Uint8Array(new ArrayBuffer(INITIAL_CAPACITY));
  /** Size of the records in bytes, without {@linkcode trailing}. */
  length = 0;
  /** Large code that follows the bytes, and is not copied. No record follows it. */
  trailing: Uint8Array | undefined;
  #view = new DataView(this.bytes.buffer);
  /** A code-load record that is copied to its position. */
  readonly #load = new CodeLoad();
  /** A code-load record at the start of the memory. */
  #firstLoad = new CodeLoad(this.bytes.buffer);
  /** The start of the record that is being packed. */
  #start = 0;
  /** The last file name in the record, and its range, with its NUL. */
  #fileName = "";
  #fileNameAt = 0;
  #fileNameEnd = 0;

  /** Size of the records in bytes, with {@linkcode trailing}. */
  get size(): number {
    return packedSize(this);
  }

  /** Discards all but the first `length` bytes. */
  truncate(length: number): void {
    this.length = length;
    this.trailing = undefined;
    if (length === 0 && this.bytes.length > KEPT_CAPACITY) {
      this.#setMemory(INITIAL_CAPACITY);
    }
  }

  /** Returns the first `length` bytes, which are whole records. */
  start(length: number): Packed {
    return { bytes: this.bytes, length };
  }

  /** Discards the first `length` bytes. */
  dropStart(length: number): void {
    this.bytes.copyWithin(0, length, this.length);
    this.length -= length;
  }

  /** Begins a code-load record, which {@linkcode endCodeLoad} ends. */
  beginCodeLoad(name: string, code: Uint8Array): void {
    const { length: size } = code;
    const isCopied = size <= BATCH_SIZE;
    const at = this.#start = this.length;
    const nameAt = at + CodeLoadRecord.size;
    const codeAt = this.#writeName(name, nameAt, isCopied ? size : 0);
    const { words } = at === 0 ? this.#firstLoad : this.#load;
    words[ID] = RecordId.JitCodeLoad;
    words[TOTAL_SIZE] = codeAt - at + size;
    words[CODE_SIZE] = size;
    words[CODE_SIZE_HIGH] = 0;
    if (isCopied) {
      this.bytes.set(code, codeAt);
      this.length = codeAt + size;
    } else {
      this.length = codeAt;
      // A fresh view: the kernel reads the memory that it describes.
      this.trailing = new Uint8Array(code.buffer, code.byteOffset, size);
    }
  }

  /** Ends a code-load record. It is so small that V8 (15) allocates none of the bigints. */
  endCodeLoad({ pid, tid, timestamp, address, codeIndex }: CodeEvent): void {
    const at = this.#start;
    const { bytes, words, longs } = at === 0 ? this.#firstLoad : this.#load;
    words[PID] = pid;
    words[TID] = tid;
    longs[TIMESTAMP] = timestamp;
    longs[VMA] = address;
    longs[CODE_ADDR] = address;
    longs[CODE_INDEX] = codeIndex;
    if (at !== 0) this.bytes.set(bytes, at);
  }

  /** Adds a code-move record; `move.address` is the new one. */
  addCodeMove(move: CodeEvent, oldAddress: bigint, codeSize: number): void {
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
   * Adds a code-close record: a header and some padding. perf (6.1 to 7.2) treats a body of
   * 0 bytes as a failed read, and stops.
   */
  addCodeClose(timestamp: bigint): void {
    this.#begin(RecordId.JitCodeClose, RecordHeader.size, timestamp);
    this.#addBytes(CLOSE_PADDING);
    this.#end();
  }

  /**
   * Begins a debug-info record. {@linkcode addDebugEntry} adds its entries, and
   * {@linkcode endDebugInfo} ends it.
   */
  beginDebugInfo(timestamp: bigint, address: bigint, nrEntry: number): void {
    const at = this.#begin(
      RecordId.JitCodeDebugInfo,
      DebugInfoRecord.size,
      timestamp,
    );
    this.#u64(at + INFO.codeAddr, address);
    this.#size(at + INFO.nrEntry, nrEntry);
    this.#fileName = "";
  }

  /** Adds the entry for the code at `address`. */
  addDebugEntry(
    address: bigint,
    line: number,
    discrim: number,
    fileName: string,
  ): void {
    const at = this.#extend(DebugEntry.size);
    this.#u64(at + ENTRY.codeAddr, address);
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
    timestamp: bigint,
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
  #begin(id: RecordId, size: number, timestamp: bigint): number {
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
    this.bytes.set(bytes, at);
  }

  #addFileName(name: string): void {
    if (name === this.#fileName) {
      const at = this.#extend(this.#fileNameEnd - this.#fileNameAt);
      this.bytes.copyWithin(at, this.#fileNameAt, this.#fileNameEnd);
      return;
    }
    this.#fileName = name;
    const at = this.length;
    this.#fileNameAt = at;
    this.length = this.#writePlain(name, at, 0) ||
      this.#writeEncoded(name, at, 0);
    this.#fileNameEnd = this.length;
  }

  /**
   * Writes a function's name with its NUL at `at`, and reserves `after` bytes after it.
   *
   * @returns The position after the NUL.
   */
  #writeName(name: string, at: number, after: number): number {
    return this.#writePlain(name, at, after) ||
      this.#writeEncoded(escapeFunctionName(name), at, after);
  }

  /** Writes a text by a loop if it is plain and that is faster; returns 0 otherwise. */
  #writePlain(text: string, at: number, after: number): number {
    const { length } = text;
    if (length > LONGEST_LOOP) return 0;
    const end = at + length;
    this.#reserve(end + 1 + after);
    if (!writePlainText(text, this.bytes, at)) return 0;
    this.bytes[end] = 0;
    return end + 1;
  }

  #writeEncoded(text: string, at: number, after: number): number {
    this.#reserve(at + UTF8_BYTES_PER_UNIT * text.length + 1 + after);
    const { written } = encoder.encodeInto(text, this.bytes.subarray(at));
    // Deno 2.9 returns a double, which would make a double of each position after it.
    const end = at + (written | 0);
    this.bytes[end] = 0;
    return end + 1;
  }

  #u32(at: number, value: number): void {
    this.#view.setUint32(at, value, LITTLE_ENDIAN);
  }

  #u64(at: number, value: bigint): void {
    this.#view.setBigUint64(at, value, LITTLE_ENDIAN);
  }

  /** Writes a size below 2³² to a 64-bit field. */
  #size(at: number, value: number): void {
    this.#u32(at, value);
    this.#u32(at + 4, 0);
  }

  /** Adds `size` bytes; returns their position. */
  #extend(size: number): number {
    const at = this.length;
    this.#reserve(at + size);
    this.length += size;
    return at;
  }

  /** Extends the memory to `capacity` bytes or more, and keeps the records. */
  #reserve(capacity: number): void {
    if (capacity <= this.bytes.length) return;
    const old = this.bytes.subarray(0, this.length);
    this.#setMemory(Math.max(capacity, 2 * this.bytes.length));
    this.bytes.set(old);
  }

  #setMemory(capacity: number): void {
    this.bytes = new Uint8Array(new ArrayBuffer(capacity));
    this.#view = new DataView(this.bytes.buffer);
    this.#firstLoad = new CodeLoad(this.bytes.buffer);
  }
}
