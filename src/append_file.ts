/**
 * A file that whole records are appended to.
 *
 * @module
 */

import {
  closeFile,
  filePosition,
  type OpenFile,
  setAppendMode,
  truncate,
  write,
  writeParts,
} from "../ffi/file.ts";
import type { Libc } from "../ffi/libc.ts";

/** The most that Linux writes in one call (MAX_RW_COUNT); see write(2). */
export const MAX_WRITE = 0x7fff_f000;

/** An open file in append mode. */
export class AppendFile {
  readonly #libc: Libc;
  readonly #file: OpenFile;

  /** Takes the file over, and switches it to append mode. */
  constructor(libc: Libc, file: OpenFile) {
    setAppendMode(libc, file);
    this.#libc = libc;
    this.#file = file;
  }

  /** The file's descriptor. */
  get fd(): number {
    return this.#file.fd;
  }

  /**
   * Appends the first `length` bytes, and what trails behind them, as one write.
   * After an exception the file ends where it ended before.
   *
   * @throws {RangeError} If they are more than {@linkcode MAX_WRITE} bytes.
   * @throws {JitDumpError} If they could not be written whole.
   */
  append(
    bytes: Uint8Array<ArrayBuffer>,
    length: number,
    trailing?: Uint8Array,
  ): void {
    const size = length + (trailing?.length ?? 0);
    if (size > MAX_WRITE) {
      throw new RangeError(
        `Cannot append to "${this.#file.path}": the records have ${size} bytes, and one write takes ${MAX_WRITE}`,
      );
    }
    if (!trailing) {
      const written = write(this.#libc, this.#file, bytes, length);
      if (written !== size) {
        this.#complete(written, [bytes.subarray(0, length)]);
      }
      return;
    }
    const parts = [bytes.subarray(0, length), trailing];
    const written = writeParts(this.#libc, this.#file, parts);
    if (written !== size) this.#complete(written, parts);
  }

  /**
   * Goes on after a short write. A short write does not say why it was short; the
   * next one does, or it writes the rest, if there is room by now.
   *
   * Where another writer has appended in between, neither helps: there is a torn
   * record before the other's, and cutting it off would take the other's with it.
   *
   * @param written How many bytes of the parts have been written.
   * @throws {JitDumpError} If there is more that cannot be written; what has been
   * is cut off.
   * @throws {Error} If another writer came in between.
   */
  #complete(written: number, parts: Uint8Array[]): void {
    let end = filePosition(this.#libc, this.#file);
    const start = end - written;
    try {
      for (let rest = skip(parts, written); rest.length > 0;) {
        const more = writeParts(this.#libc, this.#file, rest);
        rest = skip(rest, more);
        end += more;
      }
    } catch (error) {
      truncate(this.#libc, this.#file, start);
      throw error;
    }
    if (filePosition(this.#libc, this.#file) !== end) {
      throw new Error(
        `Cannot append to "${this.#file.path}": the disk was full, and another writer ` +
          `came between the parts of a record. perf reads the dump up to byte ${start}`,
      );
    }
  }

  close(): void {
    closeFile(this.#libc, this.#file);
  }
}

/** What is left of the parts without their first `size` bytes. */
function skip(parts: Uint8Array[], size: number): Uint8Array[] {
  return parts.flatMap((part) => {
    const skipped = Math.min(size, part.length);
    size -= skipped;
    return skipped < part.length ? [part.subarray(skipped)] : [];
  });
}
