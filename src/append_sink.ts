/**
 * A dump file that records are appended to.
 *
 * @module
 */

import { otherWriters } from "../ffi/descriptors.ts";
import { removeFile, renameFile } from "../ffi/directory.ts";
import { closeFile, type OpenFile } from "../ffi/file.ts";
import type { Libc } from "../ffi/libc.ts";
import { tryLockAlone, WHOLE_FILE } from "../ffi/lock.ts";
import {
  type FileStatus,
  fileStatus,
  isSameFile,
  pathStatus,
} from "../ffi/status.ts";
import { AppendFile } from "./append_file.ts";
import {
  ensureDumpHeader,
  isSameProcess,
  readDumpHeader,
} from "./dump_header.ts";
import { FileHeader } from "./file_header.ts";
import { Marker } from "./marker.ts";
import { pause } from "./pause.ts";
import type { Packed } from "./record_buffer.ts";
import { openSharedFile } from "./shared_file.ts";
import { mendTornRecord } from "./torn_record.ts";

const V8_REMEDY =
  "If it is V8's --perf-prof, give it another directory (--v8-flags=--perf-prof,--perf-prof-path=<directory>), or this dump.";

/** How often opening is tried where others are in the way; once a millisecond. */
const ATTEMPTS = 300;

/** An open dump: the file, with its header and in append mode, and the marker. */
export class AppendSink {
  readonly #file: AppendFile;
  readonly #marker: Marker;

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
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const opened = tryOpen(libc, path, header);
      if (opened) {
        this.#file = opened.file;
        this.#marker = opened.marker;
        return;
      }
      pause();
    }
    throw new Deno.errors.Busy(
      `Cannot append to "${path}": another process writes it, which has the same id (in another container?). Choose another directory.`,
    );
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
    try {
      this.#marker.release();
    } finally {
      this.#file.close();
    }
  }
}

/**
 * Opens the dump if nobody is in the way, and tells its file from what has its name.
 *
 * Two things that happen to the name would race with others that open it: a dump of
 * an earlier process gets another name, and a file that this call has made in vain is
 * removed. Whoever does so has all locks of the file. Whoever opens it has one, and
 * then looks whether the name is still the file's.
 */
function tryOpen(
  libc: Libc,
  path: string,
  header: FileHeader,
): { file: AppendFile; marker: Marker } | undefined {
  const { file, status, isNew, isShared } = openSharedFile(
    libc,
    path,
    V8_REMEDY,
  );
  let marker: Marker | undefined;
  let appendFile: AppendFile | undefined;
  try {
    const found = readDumpHeader(libc, file, header);
    if (found && !isSameProcess(found, header) && !isShared) {
      setAside(libc, file, status);
      return undefined;
    }
    // Before the first byte is written: what cannot be mapped is no place for
    // a dump, as the files of /proc and /sys are none (with --allow-all).
    marker = Marker.tryPut(libc, file, status);
    if (!marker || !isAtItsPath(libc, file, status)) return undefined;
    ensureDumpHeader(libc, file, header);
    appendFile = new AppendFile(libc, file, mendTornRecord);
    return { file: appendFile, marker };
  } finally {
    if (!appendFile) {
      tryEach([
        () => marker?.release(),
        () => isNew && removeIfUnused(libc, file, status),
        () => closeFile(libc, file),
      ]);
    }
  }
}

/** Undoes what can be undone: what fails now must not hide what failed before. */
function tryEach(steps: (() => void)[]): void {
  for (const step of steps) {
    try {
      step();
    } catch {
      // There is nothing else to do about it.
    }
  }
}

const isAtItsPath = (libc: Libc, file: OpenFile, status: FileStatus) =>
  isSameFile(pathStatus(libc, file.path), status);

/**
 * Renames a dump of an earlier process, unless others that open it do so, or another
 * process writes it.
 */
function setAside(libc: Libc, file: OpenFile, status: FileStatus): void {
  if (!tryLockAlone(libc, file, WHOLE_FILE)) return;
  if (!isAtItsPath(libc, file, status)) return;
  renameFile(libc, file.path, `${file.path}.old`);
}

/** Removes a file without a record, unless others have opened it. */
function removeIfUnused(libc: Libc, file: OpenFile, status: FileStatus): void {
  if (fileStatus(libc, file).size > FileHeader.size) return;
  if (!tryLockAlone(libc, file, WHOLE_FILE)) return;
  if (otherWriters(libc, file, status).length > 0) return;
  if (isAtItsPath(libc, file, status)) removeFile(libc, file.path);
}
