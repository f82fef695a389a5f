/**
 * Locks on the bytes of a file that belong to its open descriptor (fcntl(2), "Open
 * file description locks"): they end with the descriptor or its process. They bind
 * those who ask for them, and nobody else; the bytes need not exist.
 *
 * @module
 */

import { retry } from "./call.ts";
import type { OpenFile } from "./file.ts";
import type { Libc } from "./libc.ts";

// <fcntl.h>
const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;

/** The first byte behind all that a file can have. */
const END = 1n << 62n;

/** `struct flock`: its size, and where its fields are. */
const FLOCK = {
  bytes: 32,
  type: 0, // i16
  start: 8, // i64
  length: 16, // i64
};

/** Does a locking call for `length` bytes from `start` on; gives the type that is set then. */
function lock(
  libc: Libc,
  file: OpenFile,
  command: number,
  type: number,
  start: bigint,
  length: bigint,
): number {
  const view = new DataView(new ArrayBuffer(FLOCK.bytes));
  view.setInt16(FLOCK.type, type, true);
  view.setBigInt64(FLOCK.start, start, true);
  view.setBigInt64(FLOCK.length, length, true);
  retry(
    libc,
    "fcntl",
    "lock",
    file.path,
    () => libc.fcntlLock(file.fd, command, new Uint8Array(view.buffer)),
  );
  return view.getInt16(FLOCK.type, true);
}

/**
 * Takes a lock that others may have too, on the byte of a number.
 *
 * @param byte From 0 on, below 2⁶².
 */
export function lockShared(libc: Libc, file: OpenFile, byte: bigint): void {
  lock(libc, file, F_OFD_SETLK, F_RDLCK, byte, 1n);
}

/** Whether somebody else has a lock on another byte. */
export function isLockedElsewhere(
  libc: Libc,
  file: OpenFile,
  byte: bigint,
): boolean {
  const behind = byte + 1n;
  const isLocked = (start: bigint, length: bigint) =>
    length > 0n &&
    lock(libc, file, F_OFD_GETLK, F_WRLCK, start, length) !== F_UNLCK;
  return isLocked(0n, byte) || isLocked(behind, END - behind);
}
