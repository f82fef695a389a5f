/**
 * System calls on paths: open, rename, remove. Only paths that Deno's permissions allow are
 * passed to libc.
 *
 * @module
 */

import {
  EEXIST,
  ENOENT,
  O_CLOEXEC,
  O_CREAT,
  O_EXCL,
  O_NOCTTY,
  O_RDWR,
} from "./constants.ts";
import { retry, systemCallError } from "./error.ts";
import { MARK } from "./descriptors.ts";
import { OpenFile } from "./file.ts";
import type { Libc } from "./libc.ts";
import { requireWrite } from "./permission.ts";
import type { FileStatus } from "./status.ts";

const OPEN_FLAGS = O_RDWR | O_CLOEXEC | O_NOCTTY | MARK;

const encoder = new TextEncoder();

/** Returns a path as a C string. */
const pathnameOf = (path: string) => encoder.encode(`${path}\0`);

/** A file that has just been opened. */
export interface OpenedFile {
  readonly file: OpenFile;
  readonly status: FileStatus;
  /** True if opening has created it. */
  readonly isNew: boolean;
}

/** Opens a file with additional flags; returns undefined for the `expected` errno. */
function tryOpen(
  libc: Libc,
  path: string,
  flags: number,
  expected: number,
  onOpen: (file: OpenFile) => void,
): OpenFile | undefined {
  const file = new OpenFile(libc, path);
  onOpen(file);
  const errno = file.open(OPEN_FLAGS | flags, 0o600);
  if (errno === 0) return file;
  if (errno === expected) return undefined;
  const call = { syscall: "open", intent: "open", path };
  throw systemCallError(libc, errno, call);
}

/**
 * Opens a regular file for reading and appending, and creates it with mode 0600 if it
 * does not exist.
 *
 * A symbolic link in the path's last component is not followed. Anything but a regular file
 * is refused, without waiting for the other end of a FIFO. Child processes do not inherit
 * the descriptor.
 *
 * @param path A result of `absolutePath()`.
 * @param onOpen Receives the file before it is open, so that the caller can close it if
 * the script is terminated.
 * @throws {WriteNotGranted} If Deno has not granted write permission; no file is opened.
 * @throws {Deno.errors.NotCapable} If write permission is not enough there.
 * @throws {Deno.errors.InvalidData} If it is not a regular file.
 * @throws The error of a failed system call.
 */
export function openRegularFile(
  libc: Libc,
  path: string,
  onOpen: (file: OpenFile) => void = () => {},
): OpenedFile {
  requireWrite(libc, path);
  for (;;) {
    let file = tryOpen(libc, path, O_CREAT | O_EXCL, EEXIST, onOpen);
    const isNew = file !== undefined;
    file ??= tryOpen(libc, path, 0, ENOENT, onOpen);
    // The file was removed between the two calls.
    if (!file) continue;
    try {
      const status = file.status();
      if (status.isRegular) return { file, status, isNew };
      throw new Deno.errors.InvalidData(
        `Cannot open "${path}": it is not a regular file. Choose another path.`,
      );
    } catch (error) {
      file.close();
      throw error;
    }
  }
}

/**
 * Renames a file, and replaces an existing one.
 *
 * @throws {WriteNotGranted} If Deno has not granted write permission to the new path.
 */
export function renameFile(libc: Libc, path: string, newPath: string): void {
  requireWrite(libc, newPath);
  const intent = `rename to "${newPath}"`;
  retry(
    libc,
    { syscall: "rename", intent, path },
    () => libc.rename(pathnameOf(path), pathnameOf(newPath)),
  );
}

/** Removes a file that {@linkcode openRegularFile} has opened. */
export function removeFile(libc: Libc, path: string): void {
  retry(
    libc,
    { syscall: "unlink", intent: "remove", path },
    () => libc.unlink(pathnameOf(path)),
  );
}
