/**
 * What makes a file a dump of this process.
 *
 * @module
 */

import {
  type OpenedFile,
  removeFile,
  renameFile,
} from "../../ffi/directory.ts";
import type { OpenFile } from "../../ffi/file.ts";
import type { Libc } from "../../ffi/libc.ts";
import { isLockedElsewhere, lockShared } from "../../ffi/lock.ts";
import { mapExecutable, unmapPage } from "../../ffi/mapping.ts";
import { isSameFile, pathStatus } from "../../ffi/status.ts";
import {
  ensureDumpHeader,
  isSameProcess,
  readDumpHeader,
  requireSameMeaning,
} from "./dump_header.ts";
import { FileHeader } from "../format/file_header.ts";
import { processMark } from "./process_mark.ts";
import type { FileKind } from "./shared_file.ts";
import { mendTornRecord } from "./torn_record.ts";

const V8_REMEDY =
  "If it is V8's --perf-prof, give it another directory (--v8-flags=--perf-prof,--perf-prof-path=<directory>), or this dump.";

/**
 * A dump has a header, and a marker: an executable mapping by which perf learns where it
 * is. perf reads a file once for each mapping, so all who have it open share one.
 *
 * It belongs to one process. That has a lock on the byte of a number of its own, for as
 * long as it has the file open, and so sees others of which the same is true.
 */
export class DumpKind implements FileKind {
  readonly remedy = V8_REMEDY;
  readonly emptySize = FileHeader.size;
  readonly mend = mendTornRecord;
  readonly isExclusive: FileKind["isExclusive"];
  readonly #header: FileHeader;

  /**
   * @param header What the dump begins with if it is empty or not there.
   * @param isExclusive See {@linkcode FileKind.isExclusive}.
   */
  constructor(header: FileHeader, isExclusive: FileKind["isExclusive"]) {
    this.#header = header;
    this.isExclusive = isExclusive;
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
