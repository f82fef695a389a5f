/**
 * Opening a file to which others may append too.
 *
 * @module
 */

import { otherWriters, type Writer } from "../ffi/descriptors.ts";
import { type OpenedFile, openRegularFile } from "../ffi/directory.ts";
import { closeFile, O_APPEND, O_NONBLOCK } from "../ffi/file.ts";
import type { Libc } from "../ffi/libc.ts";
import { effectiveUserId } from "../ffi/process.ts";

/** A file, and who else in this process writes it. */
export interface SharedFile extends OpenedFile {
  /** Whether somebody else appends to it. */
  readonly isShared: boolean;
}

/**
 * Opens a file, or makes it; see {@linkcode openRegularFile}. Nothing has been written.
 *
 * @param remedy What to do about an engine that would overwrite what is appended.
 * @throws {Deno.errors.InvalidData} If it is another user's, or no regular file.
 * @throws {Deno.errors.Busy} If there is such an engine.
 */
export function openSharedFile(
  libc: Libc,
  path: string,
  remedy: string,
): SharedFile {
  const opened = openRegularFile(libc, path);
  // A new one can be nobody else's.
  if (opened.isNew) return { ...opened, isShared: false };
  try {
    requireOwnFile(libc, opened);
    const writers = otherWriters(libc, opened.file, opened.status);
    if (writers.some(overwrites)) {
      throw new Deno.errors.Busy(
        `Cannot append to "${path}": another engine in this process writes it without append mode, and would overwrite what is appended. ${remedy}`,
      );
    }
    const isShared = writers.some(({ flags }) => flags & O_APPEND);
    return { ...opened, isShared };
  } catch (error) {
    closeFile(libc, opened.file);
    throw error;
  }
}

/**
 * Whether it writes where it last stopped. This module's own descriptors do neither
 * this nor append while they are being opened; they are non-blocking then.
 */
const overwrites = ({ flags }: Writer) => !(flags & (O_APPEND | O_NONBLOCK));

/** Where all may write, anybody may have put the file there, and read what comes. */
function requireOwnFile(libc: Libc, { file, status }: OpenedFile): void {
  const user = effectiveUserId(libc);
  if (status.owner === user) return;
  throw new Deno.errors.InvalidData(
    `Cannot append to "${file.path}": it belongs to user ${status.owner}, and this process is user ${user}. Choose another directory.`,
  );
}
