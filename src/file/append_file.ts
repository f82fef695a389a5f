/**
 * A file that whole records are appended to.
 *
 * @module
 */

import { otherWriters } from "../../ffi/descriptors.ts";
import {
  filePosition,
  type OpenFile,
  truncate,
  write,
  writeParts,
} from "../../ffi/file.ts";
import type { Libc } from "../../ffi/libc.ts";
import { fileStatus, fileSystemStatus } from "../../ffi/status.ts";
import { pause } from "./pause.ts";
import { type Packed, packedSize } from "../writer/record_buffer.ts";
import type { TableRow } from "./process_table.ts";
import type { RecordSink } from "./record_sink.ts";
import type { SharedFile, TornPart } from "./shared_file.ts";

/** How often to look whether another engine has appended; once a millisecond. */
const LOOKS = 20;

/** With less room than this on the disk each append is made alone. */
const ENOUGH_ROOM = 64 * 2 ** 20;

/** Behind so many bytes the room is looked at once more. */
const LOOK_EVERY = 256 * 1024;

const NOTHING = new Uint8Array(0);

/**
 * Appends to a file that others append to as well.
 *
 * The kernel adds what one write call writes in one piece, whoever else appends. On a
 * full disk, and at the file's size limit, it writes a part and says how much. So where
 * the disk has little room, writers of this module have the file alone for each append,
 * until it is whole or the part of it is gone. Another engine of the process can append
 * behind a part (and another writer of this module, where room ended that the disk said
 * it had, as under a quota): then nothing is cut off, and there is
 * its `FileKind.mend()`. What cannot be mended at once is tried again before the next append.
 */
export class AppendFile implements RecordSink {
  readonly kind = "append";
  readonly #libc: Libc;
  readonly #shared: SharedFile;
  readonly #file: OpenFile;
  readonly #row: TableRow;
  /** What is to be mended, in the order in which it lies in the file. */
  #torn: TornPart[] = [];
  /** Whether each append is made alone. */
  #isCareful = true;
  /** How many bytes may be written before the room is looked at. */
  #untilLook = 0;

  /** @param shared The open file, which is closed with this. */
  constructor(libc: Libc, shared: SharedFile) {
    this.#libc = libc;
    this.#shared = shared;
    this.#file = shared.file;
    this.#row = shared.row;
  }

  /** The file's descriptor. */
  get fd(): number {
    return this.#file.fd;
  }

  /**
   * Appends records, or other parts of the file that are whole, as one write: up to
   * MAX_RW_COUNT bytes.
   *
   * After an exception there is nothing of them in the file that is read.
   *
   * @throws {JitDumpError} If they could not be written whole.
   * @throws {Error} If what an earlier record has left cannot be mended yet.
   */
  append(packed: Packed): void {
    const size = packedSize(packed);
    this.#untilLook -= size;
    if (this.#untilLook < 0) this.#look(size);
    if (this.#isCareful) {
      return this.#row.exclusively((isAlone) => {
        this.#mendAll(isAlone);
        const written = this.#write(packed);
        if (written < size) this.#complete(written, packed, isAlone);
      });
    }
    let written = 0;
    const isLocked = this.#row.lockShared();
    try {
      written = this.#write(packed);
    } finally {
      if (isLocked) this.#row.unlock();
      if (written < size) this.#isCareful = true;
    }
    if (written < size) {
      this.#row.exclusively((isAlone) =>
        this.#complete(written, packed, isAlone)
      );
    }
  }

  /** Looks whether there is room for `size` bytes and many more. */
  #look(size: number): void {
    const { available } = fileSystemStatus(this.#libc, this.#file);
    this.#isCareful = available < ENOUGH_ROOM + size || this.#torn.length > 0;
    this.#untilLook = LOOK_EVERY;
  }

  /** Says how many bytes were written. */
  #write(packed: Packed): number {
    return packed.trailing
      ? writeParts(this.#libc, this.#file, partsOf(packed))
      : write(this.#libc, this.#file, packed.bytes, packed.length);
  }

  /**
   * Goes on after a short write. A short write does not say why it was short; the
   * next one does, or it writes more, if there is room by now. Where another engine
   * has come in between, all is mended, and written once more.
   */
  #complete(written: number, packed: Packed, isAlone: boolean): void {
    for (;;) {
      let rest = partsOf(packed);
      for (;;) {
        this.#addTorn(written);
        rest = skip(rest, written);
        if (rest.length === 0) break;
        try {
          written = writeParts(this.#libc, this.#file, rest);
        } catch (error) {
          this.#tryMendAll(error as Error, isAlone);
          throw error;
        }
      }
      if (this.#torn.length === 1) break;
      this.#mendAll(isAlone);
      written = this.#write(packed);
    }
    this.#torn = [];
  }

  /** Notes what has just been written, as more of the last part if it follows it. */
  #addTorn(written: number): void {
    const end = filePosition(this.#libc, this.#file);
    const start = end - written;
    const last = this.#torn.at(-1);
    if (last?.end === start) {
      this.#torn.splice(-1, 1, { start: last.start, end });
    } else {
      this.#torn.push({ start, end });
    }
  }

  /** Mends all torn parts, the last first: the others may have to be given to it. */
  #mendAll(isAlone: boolean): void {
    for (; this.#torn.length > 0; this.#torn.pop()) {
      this.#mendPart(this.#torn[this.#torn.length - 1], isAlone);
    }
  }

  /** The same, while an error is on its way that is the one to tell of. */
  #tryMendAll(error: Error, isAlone: boolean): void {
    try {
      this.#mendAll(isAlone);
    } catch (cause) {
      // It is tried again before the next append.
      error.cause = cause;
    }
  }

  #mendPart(part: TornPart, isAlone: boolean): void {
    const [libc, file] = [this.#libc, this.#file];
    for (let look = 0; look < LOOKS; look++) {
      const status = fileStatus(libc, file);
      const others = otherWriters(libc, file, status).length;
      const isOurs = isAlone && others === this.#row.users - 1;
      if (isOurs && status.size === part.end) {
        return truncate(libc, file, part.start);
      }
      if (this.#shared.kind.mend(libc, file, part)) return;
      pause();
    }
    throw new Error(
      `Cannot mend "${file.path}": what another engine has appended behind the torn record at byte ${part.start} is not a whole record`,
    );
  }

  /** Mends what has not been mended yet, and closes the file in any case. */
  close(): void {
    try {
      if (this.#torn.length > 0) {
        this.#row.exclusively((isAlone) => this.#mendAll(isAlone));
      }
    } finally {
      this.#shared.close();
    }
  }
}

/** The bytes, and what trails behind them. */
function partsOf({ bytes, length, trailing = NOTHING }: Packed): Uint8Array[] {
  return [bytes.subarray(0, length), trailing].filter((part) =>
    part.length > 0
  );
}

/** What is left of the parts without their first `size` bytes. */
function skip(parts: Uint8Array[], size: number): Uint8Array[] {
  return parts.flatMap((part) => {
    const skipped = Math.min(size, part.length);
    size -= skipped;
    return skipped < part.length ? [part.subarray(skipped)] : [];
  });
}
