/**
 * Locks on the bytes of a file that belong to its open descriptor (fcntl(2), "Open
 * file description locks"): they hold between threads, and end with the descriptor
 * or its process. They bind those who ask for them, and nobody else; the bytes need
 * not exist.
 *
 * Nothing here waits: a thread that ends without closing its files leaves its locks
 * to the process.
 *
 * @module
 */

import { retry } from "./call.ts";
import { JitDumpError } from "./error.ts";
import type { OpenFile } from "./file.ts";
import type { Libc } from "./libc.ts";

// <fcntl.h>
const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;

/** `struct flock`: its size, and where its fields are. */
const FLOCK = {
  bytes: 32,
  type: 0, // i16
  start: 8, // i64
  length: 16, // i64, 0 for up to the end
};

/** Some bytes of a file: `length` of them, or all from `start` on if that is 0. */
export interface LockRange {
  readonly start: bigint;
  readonly length: bigint;
}

/** All bytes that a file can have. */
export const WHOLE_FILE: LockRange = { start: 0n, length: 0n };

function flock(
  type: number,
  { start, length }: LockRange,
): DataView<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(FLOCK.bytes));
  view.setInt16(FLOCK.type, type, true);
  view.setBigInt64(FLOCK.start, start, true);
  view.setBigInt64(FLOCK.length, length, true);
  return view;
}

function lock(
  libc: Libc,
  file: OpenFile,
  command: number,
  view: DataView<ArrayBuffer>,
): void {
  retry(
    libc,
    "fcntl",
    "lock",
    file.path,
    () => libc.fcntlLock(file.fd, command, new Uint8Array(view.buffer)),
  );
}

function tryLock(
  libc: Libc,
  file: OpenFile,
  type: number,
  range: LockRange,
): boolean {
  try {
    lock(libc, file, F_OFD_SETLK, flock(type, range));
    return true;
  } catch (error) {
    if (
      error instanceof JitDumpError &&
      (error.code === "EAGAIN" || error.code === "EACCES")
    ) return false;
    throw error;
  }
}

/** Takes the lock that others may have too; false where somebody has it alone. */
export function tryLockShared(
  libc: Libc,
  file: OpenFile,
  range: LockRange,
): boolean {
  return tryLock(libc, file, F_RDLCK, range);
}

/** Takes the lock alone; false where somebody else has it. */
export function tryLockAlone(
  libc: Libc,
  file: OpenFile,
  range: LockRange,
): boolean {
  return tryLock(libc, file, F_WRLCK, range);
}

/** Gives a lock back. */
export function unlock(libc: Libc, file: OpenFile, range: LockRange): void {
  lock(libc, file, F_OFD_SETLK, flock(F_UNLCK, range));
}

/** Whether somebody else has the lock, alone or not. */
export function isLockedByAnother(
  libc: Libc,
  file: OpenFile,
  range: LockRange,
): boolean {
  const view = flock(F_WRLCK, range);
  lock(libc, file, F_OFD_GETLK, view);
  return view.getInt16(FLOCK.type, true) !== F_UNLCK;
}
