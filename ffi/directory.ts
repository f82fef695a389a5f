/**
 * The calls on paths: opening, renaming, removing. No path that Deno's own
 * permissions do not allow gets to libc.
 *
 * @module
 */

import { attempt, ERRNO, retry } from "./call.ts";
import { systemCallError } from "./error.ts";
import type { OpenFile } from "./file.ts";
import type { Libc } from "./libc.ts";
import { requireWrite } from "./permission.ts";
import { type FileStatus, fileStatus } from "./status.ts";

// <fcntl.h> and <asm/fcntl.h>: the same on x86-64 and AArch64 …
const O_RDWR = 0o2;
const O_CREAT = 0o100;
const O_EXCL = 0o200;
const O_NOCTTY = 0o400;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
// … but for this one.
const O_NOFOLLOW = Deno.build.arch === "aarch64" ? 0o100000 : 0o400000;

const OPEN_FLAGS = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

const encoder = new TextEncoder();

/** A path as C has it. */
const pathnameOf = (path: string) => encoder.encode(`${path}\0`);

/** A file that has just been opened. */
export interface OpenedFile {
  readonly file: OpenFile;
  readonly status: FileStatus;
  /** Whether it was not there before. */
  readonly isNew: boolean;
}

/** Opens with more flags; undefined where that fails with the errno that is expected. */
function tryOpen(
  libc: Libc,
  path: string,
  flags: number,
  expected: number,
): OpenFile | undefined {
  const pathname = pathnameOf(path);
  const fd = attempt(
    libc,
    () => libc.open(pathname, OPEN_FLAGS | flags, 0o600),
  );
  if (fd >= 0) return { fd, path };
  if (fd === -expected) return undefined;
  throw systemCallError(libc, -fd, "open", "open", path);
}

/**
 * Opens a regular file for reading and writing, and creates it with mode 0600
 * if it is not there.
 *
 * A symbolic link in the path's last component is not followed, and anything
 * but a regular file is refused without waiting for its other side. Children of
 * this process do not inherit the descriptor.
 *
 * @param path What {@linkcode absolutePath} has given.
 * @throws {WriteNotGranted} If Deno may not write to the path; then nothing is
 * touched.
 * @throws {Deno.errors.NotCapable} If leave to write is not enough there.
 * @throws {JitDumpError} If it cannot be opened.
 * @throws {Deno.errors.InvalidData} If it is not a regular file.
 */
export function openRegularFile(libc: Libc, path: string): OpenedFile {
  requireWrite(libc, path);
  for (;;) {
    let file = tryOpen(libc, path, O_CREAT | O_EXCL, ERRNO.EEXIST);
    const isNew = file !== undefined;
    file ??= tryOpen(libc, path, 0, ERRNO.ENOENT);
    // Somebody has removed it between the two calls.
    if (!file) continue;
    try {
      const status = fileStatus(libc, file);
      if (status.isRegular) return { file, status, isNew };
      throw new Deno.errors.InvalidData(
        `Cannot open "${path}": it is not a regular file. Choose another path.`,
      );
    } catch (error) {
      libc.close(file.fd);
      throw error;
    }
  }
}

/**
 * Gives a file another name, which may be another's before.
 *
 * @throws {WriteNotGranted} If Deno may not write to the new path.
 */
export function renameFile(libc: Libc, path: string, newPath: string): void {
  requireWrite(libc, newPath);
  retry(
    libc,
    "rename",
    `rename to "${newPath}"`,
    path,
    () => libc.rename(pathnameOf(path), pathnameOf(newPath)),
  );
}

/** Removes a file of which {@linkcode openRegularFile} has given the path. */
export function removeFile(libc: Libc, path: string): void {
  retry(libc, "unlink", "remove", path, () => libc.unlink(pathnameOf(path)));
}
