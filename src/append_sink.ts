/**
 * A dump file that records are appended to.
 *
 * @module
 */

import {
  closeFile,
  filePosition,
  type OpenFile,
  openRegularFile,
  readAt,
  setAppendMode,
  truncate,
  write,
  writeAt,
  writeParts,
} from "../ffi/file.ts";
import type { Libc } from "../ffi/libc.ts";
import { mapExecutable, type Mapping, unmap } from "../ffi/mapping.ts";
import { FileHeader, JITDUMP_MAGIC, JITDUMP_VERSION } from "./file_header.ts";
import type { RecordBuffer } from "./record_buffer.ts";

/** The most that Linux writes in one call (MAX_RW_COUNT); see write(2). */
export const MAX_WRITE = 0x7fff_f000;

/**
 * An open dump: the file with its header, in append mode, and the marker, an
 * executable mapping of it by which perf learns where the dump is.
 *
 * **One header.** Writers that open an empty file at the same moment all write
 * the header, and all to the same place: to offset 0, before they switch their
 * descriptor to append mode. Whoever is last overwrites a header with its like,
 * and as nobody appends before its own header is written, no record is in its
 * way. No lock is needed, so none can be left behind by a thread that dies here.
 */
export class AppendSink {
  readonly #libc: Libc;
  readonly #file: OpenFile;
  readonly #marker: Mapping;

  /**
   * Opens the dump, and makes it with `header` if it is empty or not there.
   *
   * @throws {Deno.errors.NotCapable} If Deno may not write there.
   * @throws {Deno.errors.InvalidData} If there is a file to which records of
   * this writer cannot be appended.
   * @throws {JitDumpError} If a system call fails.
   */
  constructor(libc: Libc, path: string, header: FileHeader) {
    this.#libc = libc;
    this.#file = openRegularFile(libc, path);
    let marker: Mapping | undefined;
    try {
      // Before the first byte is written: what cannot be mapped is no place for
      // a dump, as the files of /proc and /sys are none.
      marker = mapExecutable(libc, this.#file);
      this.#ensureHeader(header);
      setAppendMode(libc, this.#file);
    } catch (error) {
      if (marker) unmap(libc, marker);
      closeFile(libc, this.#file);
      throw error;
    }
    this.#marker = marker;
  }

  /** The file's descriptor. */
  get fd(): number {
    return this.#file.fd;
  }

  /**
   * Appends the buffer's records as one write. After an exception the file ends
   * where it ended before.
   *
   * @throws {RangeError} If they are more than {@linkcode MAX_WRITE} bytes.
   * @throws {JitDumpError} If they could not be written whole.
   */
  append({ bytes, length, trailing, size }: RecordBuffer): void {
    if (size > MAX_WRITE) {
      throw new RangeError(
        `Cannot append to "${this.#file.path}": the records have ${size} bytes, and one write takes ${MAX_WRITE}`,
      );
    }
    if (!trailing) {
      const written = write(this.#libc, this.#file, bytes, length);
      if (written !== length) {
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
   * @param written How many bytes of the parts have been written.
   * @throws {JitDumpError} If there is more that cannot be written; what has been
   * is cut off.
   */
  #complete(written: number, parts: Uint8Array[]): void {
    const start = filePosition(this.#libc, this.#file) - written;
    try {
      for (let rest = skip(parts, written); rest.length > 0;) {
        rest = skip(rest, writeParts(this.#libc, this.#file, rest));
      }
    } catch (error) {
      truncate(this.#libc, this.#file, start);
      throw error;
    }
  }

  /** Takes the marker away and closes the file. */
  close(): void {
    try {
      unmap(this.#libc, this.#marker);
    } finally {
      closeFile(this.#libc, this.#file);
    }
  }

  #ensureHeader(header: FileHeader): void {
    const { path } = this.#file;
    const found = new Uint8Array(FileHeader.size);
    const size = readAt(this.#libc, this.#file, found, 0);
    if (size < FileHeader.size) {
      // Empty, or what a full disk left of a header.
      const bytes = FileHeader.pack(header) as Uint8Array<ArrayBuffer>;
      requireStartOfHeader(path, found.subarray(0, size), bytes);
      let written = 0;
      while (written < bytes.length) {
        const rest = bytes.subarray(written);
        written += writeAt(this.#libc, this.#file, rest, written);
      }
      readAt(this.#libc, this.#file, found, 0);
    }
    requireAppendable(path, FileHeader.unpack(found), header);
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

function refuse(path: string, reason: string): never {
  throw new Deno.errors.InvalidData(
    `Cannot append to "${path}": ${reason}. Choose another directory, or remove it if nobody needs it.`,
  );
}

function requireStartOfHeader(
  path: string,
  found: Uint8Array,
  header: Uint8Array,
): void {
  const fixed = found.subarray(0, FileHeader.offsets.elfMach);
  if (!fixed.every((byte, i) => byte === header[i])) {
    refuse(path, "it is not a jitdump file");
  }
}

/** Refuses a dump in which records under `ours` would be misread. */
function requireAppendable(
  path: string,
  found: FileHeader,
  ours: FileHeader,
): void {
  if (found.magic !== JITDUMP_MAGIC) refuse(path, "it is not a jitdump file");
  if (found.version !== JITDUMP_VERSION) {
    refuse(path, `it is a jitdump file of version ${found.version}`);
  }
  if (found.flags !== 0n) {
    refuse(
      path,
      `its timestamps are not of CLOCK_MONOTONIC (flags 0x${
        found.flags.toString(16)
      })`,
    );
  }
  if (found.elfMach !== ours.elfMach) {
    refuse(
      path,
      `its code is for ELF machine ${found.elfMach}, not ${ours.elfMach}`,
    );
  }
}
