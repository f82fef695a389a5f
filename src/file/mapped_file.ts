/**
 * A dump that one writer has for itself, and writes through memory.
 *
 * @module
 */

import { otherWriters } from "../../ffi/descriptors.ts";
import { JitDumpError } from "../../ffi/error.ts";
import {
  filePosition,
  type OpenFile,
  overwriteAt,
  readAt,
  truncate,
} from "../../ffi/file.ts";
import type { Libc } from "../../ffi/libc.ts";
import { mapWritable, unmapWritable } from "../../ffi/mapping.ts";
import { addressOfBuffer, copyMemory } from "../../ffi/memory.ts";
import { fileSizeLimit } from "../../ffi/process.ts";
import { fileStatus, fileSystemStatus } from "../../ffi/status.ts";
import { AppendFile } from "./append_file.ts";
import type { Packed } from "../writer/record_buffer.ts";
import { RecordHeader } from "../format/record.ts";
import type { RecordSink } from "./record_sink.ts";
import type { SharedFile } from "./shared_file.ts";
import { SHORTEST_SKIPPED_RECORD, skippedRecord } from "./torn_record.ts";

/**
 * The file systems, <linux/magic.h>, on which a page of a file that has been written
 * once has its place for good: tmpfs, ext2 to ext4. Others may look for a new place when
 * it is written again (btrfs; XFS where the file has been copied with `--reflink`), which
 * on a full disk kills the process by SIGBUS. And overlayfs may be upon any of them.
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

/** Larger records are appended. */
const LARGEST_COPY = WINDOW_SIZE / 2;

/** What makes a record one: `id` and `totalSize`, which are 0 before. */
const PUBLISHED_LAST = 8n;

/** What room is made of. It is only read, so it takes no memory. */
const zeros = new Uint8Array(new ArrayBuffer(WINDOW_SIZE));

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
 * - Room is appended as zeros, so the disk has it, before it is mapped: a full disk is an
 *   error of that append and never a signal.
 * - Records are copied into the window. The first 8 bytes of the first one come last,
 *   until when readers see zeros there, and stop. What is in the window is in the file,
 *   whatever becomes of the process.
 * - Large records are appended, behind the last one.
 * - Closing cuts the file behind its last record.
 *
 * An engine may append to the file that does not know of this. Its records lie behind
 * the end: then the rest of the room becomes a record to be skipped, and what follows
 * goes behind theirs.
 */
export class MappedFile implements RecordSink {
  readonly kind = "mapped";
  readonly #libc: Libc;
  readonly #file: OpenFile;
  readonly #appended: AppendFile;
  #window: Window | undefined;
  /** Where the next record goes. */
  #position: number;
  /** Where this writer's room ends. */
  #end: number;
  /** Whether the file is being changed by system calls. */
  #isChanging = false;
  /** The buffer that the last records were in, and its address. */
  #bytes: Uint8Array | undefined;
  #bytesAddress = 0n;

  /** @param shared The open file, which nobody else has open; it is closed with this. */
  constructor(libc: Libc, shared: SharedFile) {
    this.#libc = libc;
    this.#file = shared.file;
    this.#appended = new AppendFile(libc, shared);
    this.#position = this.#end = fileStatus(libc, shared.file).size;
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
    if (trailing || length > LARGEST_COPY) {
      return this.#change(() => this.#appendLarge(packed));
    }
    const { address, start } = this.#windowFor(length);
    if (bytes !== this.#bytes) {
      this.#bytesAddress = addressOfBuffer(this.#libc, bytes);
      this.#bytes = bytes;
    }
    // With asUintN() V8 makes no objects of what is in between.
    const to = BigInt.asUintN(64, address + BigInt(this.#position - start));
    const from = this.#bytesAddress;
    copyMemory(
      this.#libc,
      BigInt.asUintN(64, to + PUBLISHED_LAST),
      BigInt.asUintN(64, from + PUBLISHED_LAST),
      BigInt.asUintN(64, BigInt(length) - PUBLISHED_LAST),
    );
    copyMemory(this.#libc, to, from, PUBLISHED_LAST);
    this.#position += length;
  }

  /** The window, with room for `size` bytes at the position. */
  #windowFor(size: number): Window {
    const window = this.#window;
    if (window) {
      const rest = window.end - this.#position - size;
      // What is left may have to become a record that is skipped.
      if (rest >= SHORTEST_SKIPPED_RECORD) return window;
    }
    return this.#change(() => this.#moveWindow(size + SHORTEST_SKIPPED_RECORD));
  }

  /**
   * Does something by system calls. V8 can end a script anywhere, as for a timeout of
   * node:vm, and then not even `finally` is run; what is known of the file is then found
   * anew.
   */
  #change<T>(action: () => T): T {
    if (this.#isChanging) this.#findPosition();
    this.#isChanging = true;
    try {
      return action();
    } finally {
      this.#isChanging = false;
    }
  }

  /** Finds the end of the last record, and takes the zeros behind it for room. */
  #findPosition(): void {
    const [libc, file] = [this.#libc, this.#file];
    this.#dropWindow();
    const { size } = fileStatus(libc, file);
    const header = new Uint8Array(new ArrayBuffer(RecordHeader.size));
    for (let at = this.#position;;) {
      this.#position = at;
      if (readAt(libc, file, header, at) < header.length) break;
      const { totalSize } = RecordHeader.unpack(header);
      at += totalSize;
      if (totalSize < RecordHeader.size || at > size) break;
    }
    this.#end = size;
  }

  /** Maps what is at the position, where there are to be `size` bytes of room. */
  #moveWindow(size: number): Window {
    while (this.#end - this.#position < size) this.#makeRoom(size);
    const start = this.#position - this.#position % ALIGNMENT;
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

  /** Makes room, so that there is what is needed, or more. */
  #makeRoom(needed: number): void {
    const size = this.#appendRoom(needed);
    const end = filePosition(this.#libc, this.#file);
    this.#goOnAt(end - size, end);
  }

  /** Appends as much room as a window has, or where there is less, what is needed. */
  #appendRoom(needed: number): number {
    const room = this.#end - this.#position;
    const { size } = fileStatus(this.#libc, this.#file);
    const allowed = fileSizeLimit(this.#libc) - size;
    const missing = needed - room;
    // Whole pages are prepared faster. (But of a whole aligned MiB the kernel makes one
    // large page, all parts of which it goes through when one is written first.)
    const end = size + WINDOW_SIZE - ALIGNMENT - room;
    const wished = Math.min(end - end % ALIGNMENT - size, allowed);
    if (wished > missing) {
      try {
        this.#appended.append({ bytes: zeros, length: wished });
        return wished;
      } catch (error) {
        if (!(error instanceof JitDumpError)) throw error;
        // There may be less room, and enough.
      }
    }
    this.#appended.append({ bytes: zeros, length: missing });
    return missing;
  }

  /** Goes on in room that has been appended. */
  #goOnAt(start: number, end: number): void {
    if (start > this.#end) {
      // Somebody else has appended in between.
      this.#leaveRoom();
      this.#position = start;
    } else {
      // The room has become longer; or somebody has cut the file.
      this.#position = Math.min(this.#position, start);
    }
    this.#end = end;
  }

  /** Makes the room a record that readers pass over. */
  #leaveRoom(): void {
    const room = this.#end - this.#position;
    if (room === 0) return;
    overwriteAt(this.#libc, this.#file, skippedRecord(room), this.#position);
    this.#position = this.#end;
  }

  /** Gives the room back, or leaves it where others may have appended behind it. */
  #endRoom(): void {
    this.#dropWindow();
    const [libc, file] = [this.#libc, this.#file];
    if (this.#position === this.#end) return;
    const status = fileStatus(libc, file);
    const isLast = status.size <= this.#end &&
      otherWriters(libc, file, status).length === 0;
    if (!isLast) return this.#leaveRoom();
    const position = Math.min(this.#position, status.size);
    truncate(libc, file, position);
    this.#position = this.#end = position;
  }

  #appendLarge(packed: Packed): void {
    this.#endRoom();
    this.#appended.append(packed);
    this.#position = this.#end = filePosition(this.#libc, this.#file);
  }

  /** Cuts the file behind its last record, and closes it in any case. */
  close(): void {
    try {
      this.#change(() => this.#endRoom());
    } finally {
      this.#appended.close();
    }
  }
}
