/**
 * A dump that one writer has for itself, and writes through memory.
 *
 * @module
 */

import { type OpenFile, truncate, writeAllAt, writeAt } from "../ffi/file.ts";
import type { Libc } from "../ffi/libc.ts";
import { mapWritable, unmapWritable } from "../ffi/mapping.ts";
import { addressOfBuffer, copyMemory } from "../ffi/memory.ts";
import { fileStatus, fileSystemStatus } from "../ffi/status.ts";
import { type Packed, packedSize } from "./record_buffer.ts";
import type { RecordSink } from "./record_sink.ts";
import type { SharedFile } from "./shared_file.ts";
import { SHORTEST_SKIPPED_RECORD, skippedRecord } from "./torn_record.ts";

/**
 * The file systems, <linux/magic.h>, on which a page of a file that has been written
 * once has its place for good: tmpfs, ext2 to ext4. Others find a new place when it is
 * written again (btrfs; XFS where the file has been copied with `--reflink`), which on a
 * full disk kills the process by SIGBUS, or do not say what they are made of (overlayfs).
 */
const FIXED_PLACES = [0x0102_1994, 0xef53];

/** Whether a file on this file system can be a {@linkcode MappedFile}. */
export function canMap(libc: Libc, file: OpenFile): boolean {
  return FIXED_PLACES.includes(fileSystemStatus(libc, file).type);
}

/** A window begins at a multiple of this: the largest page of Deno's machines. */
const ALIGNMENT = 64 * 1024;

/** So much of the file is prepared and mapped at once. */
const WINDOW_SIZE = 1 << 20;

/** Larger records are written by system calls. */
const LARGEST_COPY = WINDOW_SIZE / 2;

/** What room is made of, as much as one write takes at its best. */
const ZEROS = new Uint8Array(new ArrayBuffer(256 * 1024));

/** What makes a record one: `id` and `totalSize`, which are 0 before. */
const PUBLISHED_LAST = 8;

/** A part of the file in memory. */
interface Window {
  readonly address: bigint;
  /** Where it is in the file. */
  readonly start: number;
  readonly end: number;
}

/**
 * A file with room behind its last record, part of it in memory:
 *
 *     ┌────────┬─────────┬───┬─────────┬───────────────────┐
 *     │ header │ record  │ … │ record  │ 0000000000000000… │
 *     └────────┴─────────┴───┴─────────┴───────────────────┘
 *            window.start ─┘           └─ position         └─ end, window.end
 *
 * - Room is written as zeros, so the disk has it, before it is mapped: a full disk is an
 *   error of that write and never a signal.
 * - Records are copied into the window. The first 8 bytes of the first one come last,
 *   until when readers see zeros there, and stop. What is in the window is in the file,
 *   whatever becomes of the process.
 * - Closing cuts the file behind its last record.
 *
 * Should an engine append to the file that does not know of this, its records lie behind
 * the end: then the rest of the room becomes a record to be skipped, and what follows
 * goes behind theirs.
 */
export class MappedFile implements RecordSink {
  readonly kind = "mapped";
  readonly #libc: Libc;
  readonly #shared: SharedFile;
  readonly #file: OpenFile;
  #window: Window | undefined;
  /** Where the next record goes. */
  #position: number;
  /** The size that this writer has given the file. */
  #end: number;
  /** The buffer that the last records were in, and its address. */
  #bytes: Uint8Array | undefined;
  #bytesAddress = 0n;

  /** @param shared The open file, which nobody else has open; it is closed with this. */
  constructor(libc: Libc, shared: SharedFile) {
    this.#libc = libc;
    this.#shared = shared;
    this.#file = shared.file;
    this.#end = fileStatus(libc, shared.file).size;
    this.#position = this.#end;
  }

  get fd(): number {
    return this.#file.fd;
  }

  /**
   * Writes records.
   *
   * @throws {JitDumpError} If there is no room for them.
   */
  append(packed: Packed): void {
    const { bytes, length, trailing } = packed;
    if (trailing || length > LARGEST_COPY) return this.#writeThrough(packed);
    const { address, start } = this.#windowFor(length);
    if (bytes !== this.#bytes) {
      this.#bytesAddress = addressOfBuffer(this.#libc, bytes);
      this.#bytes = bytes;
    }
    const to = address + BigInt(this.#position - start);
    const from = this.#bytesAddress;
    const last = BigInt(PUBLISHED_LAST);
    copyMemory(this.#libc, to + last, from + last, BigInt(length) - last);
    copyMemory(this.#libc, to, from, last);
    this.#position += length;
  }

  /** The window, with room for `size` bytes at the position. */
  #windowFor(size: number): Window {
    const window = this.#window;
    if (window) {
      const rest = window.end - this.#position - size;
      // What is left may have to become a record that is skipped.
      if (rest === 0 || rest >= SHORTEST_SKIPPED_RECORD) return window;
    }
    return this.#moveWindow(size);
  }

  #moveWindow(size: number): Window {
    this.#goBehindOthers();
    const start = this.#position - this.#position % ALIGNMENT;
    this.#makeRoom(
      this.#position + size + SHORTEST_SKIPPED_RECORD,
      start + WINDOW_SIZE,
    );
    const end = this.#end;
    const address = mapWritable(this.#libc, this.#file, start, end - start);
    this.#dropWindow();
    return this.#window = { address, start, end };
  }

  #dropWindow(): void {
    const window = this.#window;
    if (!window) return;
    this.#window = undefined;
    const { address, start, end } = window;
    unmapWritable(this.#libc, this.#file, address, end - start);
  }

  /** Makes the file so long as is wished, or as there is room, but no less than needed. */
  #makeRoom(needed: number, wished: number): void {
    const [libc, file] = [this.#libc, this.#file];
    let end = this.#end;
    try {
      while (end < wished) {
        const zeros = ZEROS.subarray(0, wished - end);
        end += writeAt(libc, file, zeros, end);
      }
    } catch (error) {
      if (end < needed) {
        truncate(libc, file, this.#end);
        throw error;
      }
    }
    this.#end = end;
  }

  /** Writes large records without memory between. */
  #writeThrough(packed: Packed): void {
    const { bytes, length, trailing } = packed;
    const [libc, file] = [this.#libc, this.#file];
    this.#goBehindOthers();
    this.#dropWindow();
    const position = this.#position;
    this.#cut();
    try {
      const body = bytes.subarray(PUBLISHED_LAST, length);
      writeAllAt(libc, file, body, position + PUBLISHED_LAST);
      if (trailing) writeAllAt(libc, file, trailing, position + length);
      writeAllAt(libc, file, bytes.subarray(0, PUBLISHED_LAST), position);
    } catch (error) {
      truncate(libc, file, position);
      throw error;
    }
    this.#position = position + packedSize(packed);
    this.#end = this.#position;
  }

  /** Gives the room back. */
  #cut(): void {
    if (this.#end === this.#position) return;
    truncate(this.#libc, this.#file, this.#position);
    this.#end = this.#position;
  }

  /** Where others have appended, leaves the room to them, and goes on at the file's end. */
  #goBehindOthers(): void {
    const [libc, file] = [this.#libc, this.#file];
    const { size } = fileStatus(libc, file);
    if (size === this.#end) return;
    this.#dropWindow();
    const room = this.#end - this.#position;
    if (size > this.#end) {
      if (room > 0) {
        writeAllAt(libc, file, skippedRecord(room), this.#position);
      }
      this.#position = size;
    } else {
      // Somebody has cut it, perhaps before the last record.
      this.#position = Math.min(this.#position, size);
    }
    this.#end = size;
  }

  /** Cuts the file behind its last record, and closes it in any case. */
  close(): void {
    try {
      this.#dropWindow();
      this.#goBehindOthers();
      this.#cut();
    } finally {
      this.#shared.close();
    }
  }
}
