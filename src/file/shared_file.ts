/**
 * A file that a process writes, and who in it has the file open.
 *
 * @module
 */

import { otherWriters } from "../../ffi/descriptors.ts";
import {
  type OpenedFile,
  openRegularFile,
  removeFile,
} from "../../ffi/directory.ts";
import {
  closeFile,
  O_APPEND,
  type OpenFile,
  setStatusFlags,
} from "../../ffi/file.ts";
import type { Libc } from "../../ffi/libc.ts";
import {
  absolutePath,
  askForWrite,
  WriteNotGranted,
} from "../../ffi/permission.ts";
import { effectiveUserId } from "../../ffi/process.ts";
import { fileStatus, isSameFile, pathStatus } from "../../ffi/status.ts";
import { ProcessTable, type TableRow } from "./process_table.ts";

/** A part of a record in the file, the rest of which found no room. */
export interface TornPart {
  readonly start: number;
  readonly end: number;
}

/** What there is to know of a kind of file. */
export interface FileKind {
  /** What to do about an engine that would overwrite what is appended. */
  readonly remedy: string;
  /** Whether nobody else in this process may have the file open. */
  isExclusive(libc: Libc, file: OpenFile): boolean;
  /** A file of so many bytes has nothing in it that would be missed. */
  readonly emptySize: number;
  /**
   * Looks at the file before anything is written.
   *
   * @param isShared Whether others in this process have it open for appending.
   * @returns false where it has got another name, and a new one is to be made.
   */
  accept(libc: Libc, opened: OpenedFile, isShared: boolean): boolean;
  /**
   * Does what the first to open the file in this process does.
   *
   * @returns The address of the file's marker; 0 where it needs none.
   */
  begin(libc: Libc, file: OpenFile): bigint;
  /**
   * Makes a torn part into something that readers pass over, without cutting the file
   * where others may have appended.
   *
   * @returns false where that has to wait for an engine that is appending.
   */
  mend(libc: Libc, file: OpenFile, part: TornPart): boolean;
  /** Does what the last to close the file in this process does. */
  end(libc: Libc, file: OpenFile, marker: bigint): void;
}

/** How often a file is opened that others give other names. */
const ATTEMPTS = 10;

/** A file in append mode, and what this process knows of it. */
export class SharedFile {
  readonly file: OpenFile;
  readonly row: TableRow;
  readonly kind: FileKind;
  readonly #libc: Libc;

  /**
   * Opens a file, or makes it; see {@linkcode openRegularFile}.
   *
   * @throws {Deno.errors.InvalidData} If it is another user's, or no regular file.
   * @throws {Deno.errors.Busy} If somebody writes there who does not share.
   */
  constructor(libc: Libc, path: string, kind: FileKind) {
    this.#libc = libc;
    this.kind = kind;
    const absolute = absolutePath(path);
    const { file, row } = askingBetween(() =>
      ProcessTable.ofProcess(libc).exclusively((table) => {
        for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
          const opened = tryOpen(libc, table, absolute, kind);
          if (opened) return opened;
        }
        throw new Deno.errors.Busy(
          `Cannot append to "${path}": it is another file each time it is opened. Choose another directory.`,
        );
      })
    );
    this.file = file;
    this.row = row;
  }

  /** Closes the file. */
  close(): void {
    const { file, row } = this;
    const libc = this.#libc;
    ProcessTable.ofProcess(libc).exclusively(() => {
      try {
        if (--row.users === 0) this.kind.end(libc, file, row.marker);
      } finally {
        closeFile(libc, file);
      }
    });
  }
}

/**
 * Does something, and once more each time when the user has been asked for the leave to
 * write that it needs: never meanwhile, as other threads would have to wait.
 */
function askingBetween<T>(action: () => T): T {
  for (;;) {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof WriteNotGranted)) throw error;
      askForWrite(error.path);
    }
  }
}

function tryOpen(
  libc: Libc,
  table: ProcessTable,
  path: string,
  kind: FileKind,
): { file: OpenFile; row: TableRow } | undefined {
  const opened = openRegularFile(libc, path);
  const { file, status } = opened;
  let row: TableRow | undefined;
  let marker: bigint | undefined;
  try {
    const known = table.find(status);
    const isShared = !opened.isNew &&
      isWrittenByOthers(libc, opened, known, kind);
    const isExclusive = kind.isExclusive(libc, file);
    if (isExclusive && (known || isShared)) {
      throw new Deno.errors.Busy(
        `Cannot map "${file.path}": others in this process have it open. Leave the sink "mapped" out to append as they do, or choose another file.`,
      );
    }
    if (!kind.accept(libc, opened, isShared)) return undefined;
    if (!known) marker = kind.begin(libc, file);
    setStatusFlags(libc, file, O_APPEND);
    if (known) known.users++;
    row = known ?? table.add(status, marker!, isExclusive);
    return { file, row };
  } finally {
    if (!row) {
      tryEach([
        () => marker !== undefined && kind.end(libc, file, marker),
        () => opened.isNew && removeIfUnused(libc, opened, kind),
        () => closeFile(libc, file),
      ]);
    }
  }
}

/** Whether others in this process append to the file. Refuses what must not be written. */
function isWrittenByOthers(
  libc: Libc,
  { file, status }: OpenedFile,
  row: TableRow | undefined,
  { remedy }: FileKind,
): boolean {
  const user = effectiveUserId(libc);
  if (!row && status.owner !== user) {
    // Where all may write, anybody may have put it there, and read what comes. (One
    // that is open already was new, on a file system that says who owns files.)
    throw new Deno.errors.InvalidData(
      `Cannot append to "${file.path}": it belongs to user ${status.owner}, and this process is user ${user}. Choose another directory.`,
    );
  }
  if (row?.isExclusive) {
    throw new Deno.errors.Busy(
      `Cannot open "${file.path}": a writer of this process has it for itself (the sink "mapped"). Choose another file.`,
    );
  }
  // While a record is taken back, its writer is not in append mode.
  const find = () => otherWriters(libc, file, status);
  const writers = row ? row.exclusively(find) : find();
  if (writers.some(({ flags }) => !(flags & O_APPEND))) {
    throw new Deno.errors.Busy(
      `Cannot append to "${file.path}": another engine in this process writes it without append mode, and would overwrite what is appended. ${remedy}`,
    );
  }
  return writers.length > 0;
}

/** Removes a file that has been made in vain, unless it is another's by now. */
function removeIfUnused(
  libc: Libc,
  { file, status }: OpenedFile,
  { emptySize }: FileKind,
): void {
  if (fileStatus(libc, file).size > emptySize) return;
  if (otherWriters(libc, file, status).length > 0) return;
  if (isSameFile(pathStatus(libc, file.path), status)) {
    removeFile(libc, file.path);
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
