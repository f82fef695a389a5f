/**
 * Appending of whole records to a file.
 *
 * @module
 */

import type { OpenFile } from "../../ffi/file.ts";
import { runOperation } from "../operation.ts";
import { type Packed, packedSize } from "../writer/record_buffer.ts";
import type { PartialWrite, Repair } from "./partial_record.ts";
import { pause } from "./pause.ts";
import type { RecordSink } from "./record_sink.ts";
import type { SharedFile } from "./shared_file.ts";

/** Number of attempts to repair a file to which another engine appends, 1 ms apart. */
const REPAIR_ATTEMPTS = 20;

/** Free space in bytes below which each append locks the door. */
const LOW_DISK_SPACE = 64 * 2 ** 20;

/** Check free disk space again after this many bytes. */
const CHECK_INTERVAL = 256 * 1024;

const NO_BYTES = new Uint8Array(0);

/**
 * Appends to a file that other writers append to as well.
 *
 * The kernel appends the bytes of one write(2) together, even if others append at the same
 * time. On a full disk and at the file size limit, it writes only a part and returns the
 * part's size: a partial write. The writers of this module therefore append one at a time
 * while the disk is low on space, with the door of lock_table.ts locked, until the records
 * are whole or the partial write is removed. Another engine of the process may append
 * after a partial write, and another writer of this module may do so if the file system
 * reports more space than there is, as under a quota. The file is then not truncated;
 * {@linkcode Repair} makes readers skip the partial write. A failed repair is retried
 * before the next append.
 */
export class AppendFile implements RecordSink {
  readonly kind = "append";
  readonly #shared: SharedFile;
  readonly #file: OpenFile;
  readonly #repair: Repair;
  /** The partial writes to repair, in file order. */
  #partial: PartialWrite[] = [];
  /**
   * Size of a partial write that is not in the list yet, because V8 may terminate the script
   * before it is added.
   */
  #unlisted = 0;
  #isDiskLow = true;
  #bytesUntilCheck = 0;

  /**
   * @param shared The open file. Closing this object closes it.
   * @param repair Repairs a partial write.
   */
  constructor(shared: SharedFile, repair: Repair) {
    this.#shared = shared;
    this.#file = shared.file;
    this.#repair = repair;
  }

  /** The file's descriptor. */
  get fd(): number {
    return this.#file.fd;
  }

  /**
   * Appends whole records (or lines of a perf map) in one write of at most MAX_RW_COUNT
   * bytes. After an exception, readers find none of them.
   *
   * @throws {JitDumpError} If they could not be written completely.
   * @throws {Error} If an earlier partial write cannot be repaired yet.
   */
  append(packed: Packed): void {
    const size = packedSize(packed);
    this.#bytesUntilCheck -= size;
    if (this.#bytesUntilCheck < 0) this.#checkSpace(size);
    // The closures are in other methods, because V8 (15) allocates their context on entry.
    if (this.#isDiskLow) return this.#appendAlone(packed);
    const written = this.#write(packed, size);
    if (written < size) this.#completeAlone(packed, written);
  }

  #appendAlone(packed: Packed): void {
    this.#withDoorLocked((isAlone) => {
      this.#repairAll(isAlone);
      const written = this.#write(packed, packedSize(packed));
      this.#complete(written, packed, isAlone);
    });
  }

  #completeAlone(packed: Packed, written: number): void {
    this.#withDoorLocked((isAlone) => this.#complete(written, packed, isAlone));
  }

  #withDoorLocked(action: (isAlone: boolean) => void): void {
    runOperation(() => this.#shared.withDoorLocked(action));
  }

  /** Checks whether the disk has space for `size` bytes and {@linkcode LOW_DISK_SPACE}. */
  #checkSpace(size: number): void {
    const { available } = this.#file.fileSystemStatus();
    this.#isDiskLow = available < LOW_DISK_SPACE + size ||
      this.#hasPartial();
    this.#bytesUntilCheck = CHECK_INTERVAL;
  }

  /**
   * Writes the records, which have `size` bytes, and adds a partial write to the list.
   * Returns the number of bytes written.
   */
  #write(packed: Packed, size: number): number {
    const { trailing, bytes, length } = packed;
    const written = trailing
      ? this.#file.writeParts(partsOf(packed))
      : this.#file.write(bytes, length);
    if (written < size) {
      this.#isDiskLow = true;
      this.#unlisted = written;
      this.#addPartial();
    }
    return written;
  }

  /**
   * Writes the rest after a partial write. A partial write does not report its cause; the
   * next write does, unless there is space again and it succeeds. If another engine has
   * appended in between, the partial writes are repaired, and the records written again.
   */
  #complete(written: number, packed: Packed, isAlone: boolean): void {
    const size = packedSize(packed);
    while (written < size) {
      let rest = skip(partsOf(packed), written);
      while (rest.length > 0) {
        try {
          written = this.#file.writeParts(rest);
        } catch (error) {
          this.#tryRepairAll(error as Error, isAlone);
          throw error;
        }
        this.#unlisted = written;
        this.#addPartial();
        rest = skip(rest, written);
      }
      // A single range contains all the bytes of the records.
      if (this.#partial.length === 1) break;
      this.#repairAll(isAlone);
      written = this.#write(packed, size);
    }
    this.#partial = [];
  }

  /** Adds the last write to the list, or to the partial write that ends where it starts. */
  #addPartial(): void {
    const end = this.#file.position();
    const start = end - this.#unlisted;
    const last = this.#partial.at(-1);
    if (last?.end === start) {
      this.#partial.splice(-1, 1, { start: last.start, end });
    } else {
      this.#partial.push({ start, end });
    }
    this.#unlisted = 0;
  }

  #hasPartial(): boolean {
    return this.#unlisted > 0 || this.#partial.length > 0;
  }

  /** Repairs the last partial write first, because an earlier one may be merged into it. */
  #repairAll(isAlone: boolean): void {
    if (this.#unlisted > 0) this.#addPartial();
    for (; this.#partial.length > 0; this.#partial.pop()) {
      this.#repairPart(this.#partial[this.#partial.length - 1], isAlone);
    }
  }

  /** Repairs all partial writes. A failure becomes the cause of `error`. */
  #tryRepairAll(error: Error, isAlone: boolean): void {
    try {
      this.#repairAll(isAlone);
    } catch (cause) {
      // The repair is retried before the next append.
      error.cause = cause;
    }
  }

  #repairPart(part: PartialWrite, isAlone: boolean): void {
    const file = this.#file;
    for (let attempt = 0; attempt < REPAIR_ATTEMPTS; attempt++) {
      const { size } = file.status();
      // V8 has terminated a repair that had truncated the file.
      if (size <= part.start) return;
      const isLast = size === part.end;
      if (isLast && isAlone && this.#shared.isOnlyWriter()) {
        return file.truncate(part.start);
      }
      if (this.#repair(file, part)) return;
      pause();
    }
    throw new Error(
      `Cannot repair "${file.path}": another engine has appended an incomplete record after the partial record at byte ${part.start}`,
    );
  }

  /** Repairs the remaining partial writes, as a part of the running operation. */
  repair(): void {
    if (!this.#hasPartial()) return;
    this.#shared.withDoorLocked((isAlone) => this.#repairAll(isAlone));
  }

  /** Repairs the remaining partial writes, and closes the file in any case. */
  close(): void {
    if (this.#shared.isClosed) return;
    try {
      this.repair();
    } finally {
      this.#shared.close();
    }
  }
}

/** Returns the packed bytes and the code that follows them. */
function partsOf({ bytes, length, trailing = NO_BYTES }: Packed): Uint8Array[] {
  return [bytes.subarray(0, length), trailing].filter((part) =>
    part.length > 0
  );
}

/** Returns the parts without their first `size` bytes. */
function skip(parts: Uint8Array[], size: number): Uint8Array[] {
  return parts.flatMap((part) => {
    const skipped = Math.min(size, part.length);
    size -= skipped;
    return skipped < part.length ? [part.subarray(skipped)] : [];
  });
}
