/**
 * A dump file that records are appended to.
 *
 * @module
 */

import { type OpenedFile, removeFile, renameFile } from "../ffi/directory.ts";
import type { OpenFile } from "../ffi/file.ts";
import type { Libc } from "../ffi/libc.ts";
import { isLockedElsewhere, lockShared } from "../ffi/lock.ts";
import { mapExecutable, unmapPage } from "../ffi/mapping.ts";
import { isSameFile, pathStatus } from "../ffi/status.ts";
import { AppendFile } from "./append_file.ts";
import {
  ensureDumpHeader,
  isSameProcess,
  readDumpHeader,
  requireSameMeaning,
} from "./dump_header.ts";
import { FileHeader } from "./file_header.ts";
import { processMark } from "./process_mark.ts";
import type { Packed } from "./record_buffer.ts";
import type { FileKind } from "./shared_file.ts";
import { mendTornRecord } from "./torn_record.ts";

const V8_REMEDY =
  "If it is V8's --perf-prof, give it another directory (--v8-flags=--perf-prof,--perf-prof-path=<directory>), or this dump.";

/** An open dump: the file, with its header and in append mode, and its marker. */
export class AppendSink {
  readonly #file: AppendFile;

  /**
   * Opens the dump, and makes it with `header` if it is empty or not there.
   *
   * @throws {Deno.errors.NotCapable} If Deno may not write there.
   * @throws {Deno.errors.InvalidData} If there is a file to which records of
   * this writer cannot be appended.
   * @throws {Deno.errors.Busy} If somebody writes there who does not share.
   * @throws {JitDumpError} If a system call fails.
   */
  constructor(libc: Libc, path: string, header: FileHeader) {
    this.#file = new AppendFile(libc, path, new DumpKind(header));
  }

  /** The file's descriptor. */
  get fd(): number {
    return this.#file.fd;
  }

  /**
   * Appends the records as one write; see {@linkcode AppendFile.append}.
   */
  append({ bytes, length, trailing }: Packed): void {
    this.#file.append(bytes, length, trailing);
  }

  /** Closes the file, and takes the marker away if nobody else needs it. */
  close(): void {
    this.#file.close();
  }
}

/**
 * A dump has a header, and a marker: an executable mapping by which perf learns where it
 * is. perf reads a file once for each mapping, so all who have it open share one.
 *
 * It belongs to one process. That has a lock on the byte of a number of its own, for as
 * long as it has the file open, and so sees others of which the same is true.
 */
class DumpKind implements FileKind {
  readonly remedy = V8_REMEDY;
  readonly emptySize = FileHeader.size;
  readonly mend = mendTornRecord;
  readonly #header: FileHeader;

  constructor(header: FileHeader) {
    this.#header = header;
  }

  accept(libc: Libc, { file, status }: OpenedFile, isShared: boolean): boolean {
    const byte = BigInt.asUintN(61, processMark(libc, 3n));
    const header = this.#header;
    // First what is no dump at all, as it must not be locked either.
    readDumpHeader(libc, file, header);
    lockShared(libc, file, byte);
    if (isLockedElsewhere(libc, file, byte)) {
      throw new Deno.errors.Busy(
        `Cannot append to "${file.path}": another process writes it. Choose another directory.`,
      );
    }
    // Before it was locked, another process may have put it aside.
    const isAtItsPath = () => isSameFile(pathStatus(libc, file.path), status);
    if (!isAtItsPath()) return false;
    const found = readDumpHeader(libc, file, header);
    if (found && !isSameProcess(found, header) && !isShared) {
      // Not before it is certain that a new one can be made in its place.
      unmapPage(libc, file, mapExecutable(libc, file));
      renameFile(libc, file.path, `${file.path}.old`);
      // Where both names are of one file, renaming does nothing.
      if (isAtItsPath()) removeFile(libc, file.path);
      return false;
    }
    if (found) requireSameMeaning(file.path, found, header);
    return true;
  }

  begin(libc: Libc, file: OpenFile): bigint {
    // Before the first byte is written: what cannot be mapped is no place for
    // a dump, as the files of /proc and /sys are none (with --allow-all).
    const marker = mapExecutable(libc, file);
    try {
      ensureDumpHeader(libc, file, this.#header);
    } catch (error) {
      unmapPage(libc, file, marker);
      throw error;
    }
    return marker;
  }

  end(libc: Libc, file: OpenFile, marker: bigint): void {
    unmapPage(libc, file, marker);
  }
}
