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

/** The most that Linux writes in one call (MAX_RW_COUNT); see write(2). */
export const MAX_WRITE = 0x7fff_f000;

/**
 * An open dump: the file with its header, in append mode, and the marker, an
 * executable mapping of it by which perf learns where the dump is.
 *
 * **One header.** Writers that open an empty file at the same moment all write
 * the header, and all to the same place: to offset 0, before they switch their
 * descriptor to append mode. Whoever is last overwrites the same bytes, and as
 * nobody appends before its own header is written, no record is in its way. No
 * lock is needed, so none can be left behind by a thread that dies here.
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
   * Appends the parts, which are `length` bytes together, as one write. After
   * an exception the file ends where it ended before.
   *
   * @throws {JitDumpError} If they could not be written whole.
   */
  append(length: number, first: Uint8Array<ArrayBuffer>, second?: Uint8Array) {
    for (;;) {
      const written = second
        ? writeParts(this.#libc, this.#file, [
          first.subarray(0, length - second.length),
          second,
        ])
        : write(this.#libc, this.#file, first, length);
      if (written === length) return;
      this.#takeBack(written);
    }
  }

  /**
   * Cuts off the last `written` bytes, the start of an append that found no room
   * for more, and throws the reason. Where there is none any longer, as somebody
   * has made room meanwhile, it returns.
   */
  #takeBack(written: number): void {
    const start = filePosition(this.#libc, this.#file) - written;
    try {
      // A short write does not say why it was short; the next byte does.
      write(this.#libc, this.#file, new Uint8Array(1), 1);
    } finally {
      truncate(this.#libc, this.#file, start);
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
    } else {
      requireAppendable(path, FileHeader.unpack(found), header);
    }
  }
}

function refuse(path: string, reason: string): never {
  throw new Deno.errors.InvalidData(
    `Cannot append to "${path}": ${reason}. Remove it or choose another directory.`,
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
