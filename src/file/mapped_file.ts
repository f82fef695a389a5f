/**
 * A dump with a single writer, which writes through a mapping of the file.
 *
 * @module
 */

import type { OpenFile } from "../../ffi/file.ts";
import { mapWritable, unmap } from "../../ffi/mapping.ts";
import { addressOfBuffer, copyMemory } from "../../ffi/memory.ts";
import { fileSizeLimit } from "../../ffi/process.ts";
import { RecordHeader } from "../format/record.ts";
import { JitDumpError } from "../jit_dump_error.ts";
import { runOperation } from "../operation.ts";
import type { Packed } from "../writer/record_buffer.ts";
import type { AppendFile } from "./append_file.ts";
import { SHORTEST_SKIPPED_RECORD, skippedRecord } from "./partial_record.ts";
import type { RecordSink } from "./record_sink.ts";
import type { SharedFile } from "./shared_file.ts";

/**
 * Magic numbers of <linux/magic.h>: tmpfs, and ext2 to ext4. On these file systems a page
 * that has been written once keeps its blocks. Others may allocate new blocks when it is
 * written again (btrfs; XFS after `cp --reflink`), which on a full disk ends the process
 * by SIGBUS. An overlayfs may be based on any of them.
 */
const FIXED_BLOCKS = [0x0102_1994, 0xef53];

/** Returns whether a file on this file system can be a {@linkcode MappedFile}. */
export function canMap(file: OpenFile): boolean {
  return FIXED_BLOCKS.includes(file.fileSystemStatus().type);
}

/** Alignment of windows in the file: the largest page size of Deno's machines. */
const ALIGNMENT = 64 * 1024;

/**
 * Sizes of the part of the file that is allocated and mapped at once. Each window is twice
 * as large as the preceding one, up to the largest. Preparing the first takes half the time
 * of the largest.
 */
const FIRST_WINDOW_SIZE = 128 * 1024;
const LARGEST_WINDOW_SIZE = 512 * 1024;

/** Maximum size of records that are copied into the window; larger ones are appended. */
const LARGEST_COPY = LARGEST_WINDOW_SIZE / 2;

/** Size of a record's `id` and `totalSize`, which are written last. */
const PUBLISHED_LAST = 8n;

/** The content of allocated space. It is never written, so it occupies no memory. */
const zeros = new Uint8Array(new ArrayBuffer(LARGEST_WINDOW_SIZE));

/** A mapped part of the file. */
interface Window {
  readonly address: bigint;
  /** The range of the window in the file. */
  readonly start: number;
  readonly end: number;
}

/**
 * A file with allocated space after its last record, partly mapped:
 *
 *     ┌────────┬─────────┬───┬─────────┬───────────────────┐
 *     │ header │ record  │ … │ record  │ 0000000000000000… │
 *     └────────┴─────────┴───┴─────────┴───────────────────┘
 *            window.start ─┘           └─ position         └─ end, window.end
 *
 * - Space is appended as zeros, which allocates its blocks, before it is mapped: a full
 *   disk is an error of that append and never a signal.
 * - Records are copied into the window. The first 8 bytes of the first record are copied
 *   last; until then readers find zeros there, and stop. Bytes in the window are in the
 *   file, even if the process crashes.
 * - Large records are appended after the last one.
 * - Closing truncates the file after its last record.
 *
 * Another engine may append to the file at any time. Its records then follow the allocated
 * space: the rest of that space becomes a record that readers skip, and this writer's next
 * records follow the engine's.
 */
export class MappedFile implements RecordSink {
  readonly kind = "mapped";
  readonly #shared: SharedFile;
  readonly #file: OpenFile;
  readonly #appended: AppendFile;
  #window: Window | undefined;
  #windowSize = FIRST_WINDOW_SIZE;
  /** Position of the next record. */
  #position: number;
  /** The end of this writer's space. */
  #end: number;
  /** True while system calls are changing the file. */
  #isChanging = false;
  /** Size of the records that are being copied to the position. */
  #copying = 0;
  /** The buffer of the last records, and its address. */
  #bytes: Uint8Array | undefined;
  #bytesAddress = 0n;
  /**
   * The position in the window and the size of the records, as numbers and as bigints:
   * BigInt() is a call into the runtime in optimized code as well (V8 15).
   */
  readonly #words = new Uint32Array(new ArrayBuffer(16));
  readonly #longs = new BigUint64Array(this.#words.buffer);

  /**
   * @param shared The open file, which no other writer has open.
   * @param appended The same file for appending. Closing this object closes it.
   */
  constructor(shared: SharedFile, appended: AppendFile) {
    this.#shared = shared;
    this.#file = shared.file;
    this.#appended = appended;
    this.#position = this.#end = shared.file.status().size;
  }

  get fd(): number {
    return this.#file.fd;
  }

  /**
   * Writes records.
   *
   * @throws {JitDumpError} If they do not fit on the disk.
   */
  append(packed: Packed): void {
    const { bytes, length, trailing } = packed;
    if (this.#copying !== 0) this.#eraseCopied();
    if (trailing || length > LARGEST_COPY) return this.#appendLarge(packed);
    const { address, start } = this.#windowFor(length);
    this.#copying = length;
    const libc = this.#file.libc;
    if (bytes !== this.#bytes) {
      this.#bytesAddress = addressOfBuffer(libc, bytes);
      this.#bytes = bytes;
    }
    const words = this.#words;
    const longs = this.#longs;
    words[0] = this.#position - start;
    words[2] = length;
    // With asUintN() V8 (15) allocates no bigint for the intermediate results.
    const to = BigInt.asUintN(64, address + longs[0]);
    const from = this.#bytesAddress;
    copyMemory(
      libc,
      BigInt.asUintN(64, to + PUBLISHED_LAST),
      BigInt.asUintN(64, from + PUBLISHED_LAST),
      BigInt.asUintN(64, longs[1] - PUBLISHED_LAST),
    );
    copyMemory(libc, to, from, PUBLISHED_LAST);
    this.#position += length;
    this.#copying = 0;
  }

  /** Erases records that a terminated script has copied in part; see {@linkcode runOperation}. */
  #eraseCopied(): void {
    const window = this.#window;
    if (window) {
      const { libc } = this.#file;
      const to = window.address + BigInt(this.#position - window.start);
      const from = addressOfBuffer(libc, zeros);
      copyMemory(libc, to, from, BigInt(this.#copying));
    }
    this.#copying = 0;
  }

  /** Returns the window, with space for `size` bytes at the position. */
  #windowFor(size: number): Window {
    const window = this.#window;
    if (window) {
      const rest = window.end - this.#position - size;
      // The rest may have to become a record that readers skip.
      if (rest >= SHORTEST_SKIPPED_RECORD) return window;
    }
    return this.#nextWindow(size + SHORTEST_SKIPPED_RECORD);
  }

  // In a method of its own, because V8 (15) allocates a closure's context on entry.
  #nextWindow(size: number): Window {
    return this.#change(() => this.#moveWindow(size));
  }

  /**
   * Changes the file by system calls. If V8 has terminated a change, the next one starts
   * from the content of the file.
   */
  #change<T>(action: () => T): T {
    if (this.#isChanging) runOperation(() => this.#recover());
    this.#isChanging = true;
    try {
      return action();
    } finally {
      this.#isChanging = false;
    }
  }

  /** Continues from the content of the file after V8 has terminated a change. */
  #recover(): void {
    // First, because records may be written to the space in which a partial write is.
    this.#appended.repair();
    this.#findPosition();
  }

  /** Finds the end of the last record, and uses the zeros after it as space. */
  #findPosition(): void {
    const file = this.#file;
    this.#dropWindow();
    const { size } = file.status();
    const header = new Uint8Array(new ArrayBuffer(RecordHeader.size));
    for (let at = this.#position;;) {
      this.#position = at;
      if (file.readAt(header, at) < header.length) break;
      const { totalSize } = RecordHeader.unpack(header);
      at += totalSize;
      if (totalSize < RecordHeader.size || at > size) break;
    }
    this.#end = size;
  }

  /** Maps the file at the position, with at least `size` bytes of space. */
  #moveWindow(size: number): Window {
    while (this.#end - this.#position < size) this.#extend(size);
    const start = this.#position - this.#position % ALIGNMENT;
    const end = this.#end;
    const address = mapWritable(this.#file, start, end - start);
    this.#dropWindow();
    return this.#window = { address, start, end };
  }

  #dropWindow(): void {
    const window = this.#window;
    if (!window) return;
    this.#window = undefined;
    const { address, start, end } = window;
    unmap(this.#file, address, end - start);
  }

  /** Extends the space to `needed` bytes or more. */
  #extend(needed: number): void {
    const size = this.#appendZeros(needed);
    const end = this.#file.position();
    this.#continueAt(end - size, end);
  }

  /**
   * Appends as much space as a window has, or only what is needed if the disk has no
   * more. Returns the number of bytes appended.
   */
  #appendZeros(needed: number): number {
    const space = this.#end - this.#position;
    const { size } = this.#file.status();
    const allowed = fileSizeLimit(this.#file.libc) - size;
    const missing = needed - space;
    // Whole pages are prepared faster. (If the size is an aligned power of 2, the kernel
    // often maps single pages, and each record takes twice as long: Linux 6.18.)
    const end = size + this.#windowSize - ALIGNMENT - space;
    this.#windowSize = Math.min(2 * this.#windowSize, LARGEST_WINDOW_SIZE);
    const wanted = Math.min(end - end % ALIGNMENT - size, allowed);
    if (wanted > missing) {
      try {
        this.#appended.append({ bytes: zeros, length: wanted });
        return wanted;
      } catch (error) {
        if (!(error instanceof JitDumpError)) throw error;
        // There may still be enough space for the missing bytes.
      }
    }
    this.#appended.append({ bytes: zeros, length: missing });
    return missing;
  }

  /** Continues in space that has been appended. */
  #continueAt(start: number, end: number): void {
    if (start > this.#end) {
      // Another engine has appended in between.
      this.#skipSpace();
      this.#position = start;
    } else {
      // The space has grown, or the file has been truncated.
      this.#position = Math.min(this.#position, start);
    }
    this.#end = end;
  }

  /** Turns the space into a record that readers skip. */
  #skipSpace(): void {
    const space = this.#end - this.#position;
    if (space === 0) return;
    this.#file.overwriteAt(skippedRecord(space), this.#position);
    this.#position = this.#end;
  }

  /** Truncates the file before the space, or skips the space if others may follow it. */
  #endSpace(): void {
    this.#dropWindow();
    const file = this.#file;
    if (this.#position === this.#end) return;
    const { size } = file.status();
    const isLast = size <= this.#end && !this.#shared.hasForeignWriters();
    if (!isLast) return this.#skipSpace();
    const position = Math.min(this.#position, size);
    file.truncate(position);
    this.#position = this.#end = position;
  }

  #appendLarge(packed: Packed): void {
    this.#change(() => {
      this.#endSpace();
      this.#appended.append(packed);
      this.#position = this.#end = this.#file.position();
    });
  }

  /** Truncates the file after its last record, and closes it in any case. */
  close(): void {
    if (this.#shared.isClosed) return;
    if (this.#copying !== 0) this.#eraseCopied();
    try {
      // Not #change(), because closing is an operation already.
      if (this.#isChanging) this.#recover();
      this.#isChanging = true;
      this.#endSpace();
    } finally {
      this.#appended.close();
    }
  }
}
