/**
 * The status of files and file systems, from statx(2) and fstatfs(2). The struct of
 * statx(2), unlike that of fstat(2), is the same on all machines.
 *
 * @module
 */

import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  ENOENT,
  S_IFMT,
  S_IFREG,
  STATX_BASIC_STATS,
} from "./constants.ts";
import { attempt, systemCallError } from "./error.ts";
import type { Libc } from "./libc.ts";

/** `struct statx`: its size, and the offsets of its fields. */
const STATX = {
  bytes: 256,
  uid: 20, // u32
  mode: 28, // u16
  ino: 32, // u64
  size: 40, // u64
  devMajor: 136, // u32
  devMinor: 140, // u32
};

/** The parts of a file's status that this module uses. */
export interface FileStatus {
  /** The device's major number in the upper 32 bits, the minor one in the lower. */
  readonly device: bigint;
  readonly inode: bigint;
  readonly isRegular: boolean;
  /** The owner's user id. */
  readonly owner: number;
  readonly size: number;
}

function unpackStatus(view: DataView): FileStatus {
  const u32 = (at: number) => view.getUint32(at, true);
  const u64 = (at: number) => view.getBigUint64(at, true);
  return {
    device: BigInt(u32(STATX.devMajor)) << 32n | BigInt(u32(STATX.devMinor)),
    inode: u64(STATX.ino),
    isRegular: (view.getUint16(STATX.mode, true) & S_IFMT) === S_IFREG,
    owner: u32(STATX.uid),
    size: Number(u64(STATX.size)),
  };
}

const encoder = new TextEncoder();

/** Calls statx(2); returns a negative errno if it fails. */
function statx(
  libc: Libc,
  fd: number,
  path: string,
  flags: number,
): FileStatus | number {
  const pathname = encoder.encode(`${path}\0`);
  const bytes = new Uint8Array(new ArrayBuffer(STATX.bytes));
  const result = attempt(
    libc,
    () => libc.statx(fd, pathname, flags, STATX_BASIC_STATS, bytes),
  );
  return result < 0 ? result : unpackStatus(new DataView(bytes.buffer));
}

/** Returns the status of a descriptor's file; undefined if the descriptor is not open. */
export function descriptorStatus(
  libc: Libc,
  fd: number,
): FileStatus | undefined {
  const status = statx(libc, fd, "", AT_EMPTY_PATH);
  return typeof status === "number" ? undefined : status;
}

/** Returns the status of an open file; `path` is for the error message. */
export function openFileStatus(
  libc: Libc,
  fd: number,
  path: string,
): FileStatus {
  const status = statx(libc, fd, "", AT_EMPTY_PATH);
  return typeof status === "number" ? refuse(libc, status, path) : status;
}

/**
 * Returns the status of the file at a path, without following a symbolic link; undefined
 * if there is none.
 */
export function pathStatus(libc: Libc, path: string): FileStatus | undefined {
  const status = statx(libc, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
  if (status === -ENOENT) return undefined;
  return typeof status === "number" ? refuse(libc, status, path) : status;
}

function refuse(libc: Libc, result: number, path: string): never {
  const call = { syscall: "statx", intent: "read the status of", path };
  throw systemCallError(libc, -result, call);
}

/** Returns whether both are the status of the same existing file. */
export function isSameFile(a: FileStatus | undefined, b: FileStatus): boolean {
  return a?.inode === b.inode && a.device === b.device;
}

/** `struct statfs`: its size, and the offsets of its fields, each of 8 bytes. */
const STATFS = {
  bytes: 120,
  type: 0,
  bsize: 8,
  bavail: 32,
  frsize: 72,
};

/** The status of the file system of an open file; see fstatfs(2). */
export interface FileSystemStatus {
  /** A magic number of <linux/magic.h>. */
  readonly type: number;
  /** Free space in bytes; 0 for file systems that do not report it. */
  readonly available: number;
}

/** Returns the status of the file system of an open file; zeros if it is not reported. */
export function fileSystemStatus(libc: Libc, fd: number): FileSystemStatus {
  const bytes = new Uint8Array(new ArrayBuffer(STATFS.bytes));
  libc.fstatfs(fd, bytes);
  const view = new DataView(bytes.buffer);
  const number = (at: number) => Number(view.getBigUint64(at, true));
  // Blocks are counted in fragments if the file system has those.
  const blockSize = number(STATFS.frsize) || number(STATFS.bsize);
  return {
    type: number(STATFS.type),
    available: number(STATFS.bavail) * blockSize,
  };
}
