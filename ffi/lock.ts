/**
 * Open file description locks on the bytes of a file; see fcntl(2).
 *
 * They belong to an open file description, not to a process: threads that have opened
 * the file separately exclude each other, and the kernel releases a lock when its
 * description is closed or its process ends. They are advisory, and the bytes need not
 * exist.
 *
 * @module
 */

import {
  EACCES,
  EAGAIN,
  F_OFD_GETLK,
  F_OFD_SETLK,
  F_RDLCK,
  F_UNLCK,
  F_WRLCK,
} from "./constants.ts";
import { attempt, systemCallError } from "./error.ts";
import type { OpenFile } from "./file.ts";

/** `struct flock`: its size, and the offsets of its fields. */
const FLOCK = {
  bytes: 32,
  type: 0, // i16
  start: 8, // i64
  length: 16, // i64
};

/** A lock that another open file description holds. */
export interface Lock {
  /** The first locked byte. */
  readonly start: bigint;
  readonly isExclusive: boolean;
}

/** Calls fcntl(2). Returns the resulting `struct flock`; undefined if locks conflict. */
function lockCall(
  file: OpenFile,
  command: number,
  type: number,
  start: bigint,
  end: bigint,
): DataView | undefined {
  const { libc, fd, path } = file;
  const view = new DataView(new ArrayBuffer(FLOCK.bytes));
  view.setInt16(FLOCK.type, type, true);
  view.setBigInt64(FLOCK.start, start, true);
  view.setBigInt64(FLOCK.length, end - start, true);
  const flock = new Uint8Array(view.buffer);
  const result = attempt(libc, () => libc.fcntlLock(fd, command, flock));
  if (result === -EAGAIN || result === -EACCES) return undefined;
  if (result >= 0) return view;
  const call = { syscall: "fcntl", intent: "lock", path };
  throw systemCallError(libc, -result, call);
}

/**
 * Locks one byte, or changes the lock that the file holds on it. Returns false if another
 * description holds a conflicting lock.
 */
export function tryLock(
  file: OpenFile,
  byte: bigint,
  isExclusive: boolean,
): boolean {
  const type = isExclusive ? F_WRLCK : F_RDLCK;
  return lockCall(file, F_OFD_SETLK, type, byte, byte + 1n) !== undefined;
}

/** Releases the lock that the file holds on one byte, if any. */
export function unlock(file: OpenFile, byte: bigint): void {
  lockCall(file, F_OFD_SETLK, F_UNLCK, byte, byte + 1n);
}

/** Finds a lock that another description holds on a byte in `start` ≤ byte < `end`. */
export function findLock(
  file: OpenFile,
  start: bigint,
  end: bigint,
): Lock | undefined {
  if (start === end) return undefined;
  const found = lockCall(file, F_OFD_GETLK, F_WRLCK, start, end);
  const type = found?.getInt16(FLOCK.type, true);
  if (!found || type === F_UNLCK) return undefined;
  return {
    start: found.getBigInt64(FLOCK.start, true),
    isExclusive: type === F_WRLCK,
  };
}
