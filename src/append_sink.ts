/**
 * A dump file that records are appended to.
 *
 * @module
 */

import {
  closeFile,
  type OpenFile,
  openRegularFile,
  readAt,
  writeAt,
} from "../ffi/file.ts";
import type { Libc } from "../ffi/libc.ts";
import { mapExecutable, type Mapping, unmap } from "../ffi/mapping.ts";
import { AppendFile } from "./append_file.ts";
import { FileHeader, JITDUMP_MAGIC, JITDUMP_VERSION } from "./file_header.ts";
import type { RecordBuffer } from "./record_buffer.ts";

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
  readonly #file: AppendFile;
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
    const file = openRegularFile(libc, path);
    let marker: Mapping | undefined;
    try {
      // Before the first byte is written: what cannot be mapped is no place for
      // a dump, as the files of /proc and /sys are none (with --allow-all).
      marker = mapExecutable(libc, file);
      ensureHeader(libc, file, header);
      this.#file = new AppendFile(libc, file);
    } catch (error) {
      if (marker) unmap(libc, marker);
      closeFile(libc, file);
      throw error;
    }
    this.#marker = marker;
  }

  /** The file's descriptor. */
  get fd(): number {
    return this.#file.fd;
  }

  /**
   * Appends the buffer's records as one write; see {@linkcode AppendFile.append}.
   */
  append({ bytes, length, trailing }: RecordBuffer): void {
    this.#file.append(bytes, length, trailing);
  }

  /** Takes the marker away and closes the file. */
  close(): void {
    try {
      unmap(this.#libc, this.#marker);
    } finally {
      this.#file.close();
    }
  }
}

/** Writes the header if the file has none, and refuses a file with another one. */
function ensureHeader(libc: Libc, file: OpenFile, header: FileHeader): void {
  const found = new Uint8Array(FileHeader.size);
  const size = readAt(libc, file, found, 0);
  if (size < FileHeader.size) {
    // Empty, or what a full disk left of a header.
    const bytes = FileHeader.pack(header) as Uint8Array<ArrayBuffer>;
    requireStartOfHeader(file.path, found.subarray(0, size), bytes);
    for (let written = 0; written < bytes.length;) {
      written += writeAt(libc, file, bytes.subarray(written), written);
    }
    readAt(libc, file, found, 0);
  }
  requireAppendable(file.path, FileHeader.unpack(found), header);
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
