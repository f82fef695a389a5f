/**
 * What statx(2) says of a file. Its struct is the same on all machines, other
 * than that of fstat(2).
 *
 * @module
 */

import { attempt, ERRNO, retry } from "./call.ts";
import { systemCallError } from "./error.ts";
import type { OpenFile } from "./file.ts";
import type { Libc } from "./libc.ts";

// <fcntl.h>
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;

// <sys/stat.h>
const STATX_BASIC_STATS = 0x7ff;
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;

/** `struct statx`: its size, and where its fields are. */
const STATX = {
  bytes: 256,
  uid: 20, // u32
  mode: 28, // u16
  ino: 32, // u64
  size: 40, // u64
  devMajor: 136, // u32
  devMinor: 140, // u32
};

const NO_PATH = new Uint8Array(1);

/** Of a file, what there is to decide by. */
export interface FileStatus {
  /** The device's major number in the upper half, the minor one in the lower. */
  readonly device: bigint;
  readonly inode: bigint;
  readonly isRegular: boolean;
  /** The owner's user id. */
  readonly owner: number;
  readonly size: number;
}

function unpackStatus(bytes: Uint8Array<ArrayBuffer>): FileStatus {
  const view = new DataView(bytes.buffer);
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

/** Whether both are of one file, and that is there. */
export function isSameFile(a: FileStatus | undefined, b: FileStatus): boolean {
  return a?.inode === b.inode && a.device === b.device;
}

/** The status of an open file. */
export function fileStatus(libc: Libc, file: OpenFile): FileStatus {
  const bytes = new Uint8Array(new ArrayBuffer(STATX.bytes));
  retry(
    libc,
    "statx",
    "look at",
    file.path,
    () => libc.statx(file.fd, NO_PATH, AT_EMPTY_PATH, STATX_BASIC_STATS, bytes),
  );
  return unpackStatus(bytes);
}

/** `struct statfs`: room for it, and where its fields are, each of 8 bytes. */
const STATFS = {
  bytes: 120,
  type: 0,
  bsize: 8,
  bavail: 32,
  frsize: 72,
};

/** The file system that an open file is on; see statfs(2). */
export interface FileSystemStatus {
  /** A number of <linux/magic.h>. */
  readonly type: number;
  /** How many bytes of room it has; 0 for those that do not say. */
  readonly available: number;
}

/** The status of the file system that an open file is on; zeros where it is not said. */
export function fileSystemStatus(
  libc: Libc,
  file: OpenFile,
): FileSystemStatus {
  const bytes = new Uint8Array(new ArrayBuffer(STATFS.bytes));
  libc.fstatfs(file.fd, bytes);
  const view = new DataView(bytes.buffer);
  const number = (at: number) => Number(view.getBigUint64(at, true));
  // Blocks are counted in fragments, where the file system has those.
  const blockSize = number(STATFS.frsize) || number(STATFS.bsize);
  return {
    type: number(STATFS.type),
    available: number(STATFS.bavail) * blockSize,
  };
}

/** The status of what is at a path; undefined where nothing is. */
export function pathStatus(libc: Libc, path: string): FileStatus | undefined {
  const pathname = new TextEncoder().encode(`${path}\0`);
  const bytes = new Uint8Array(new ArrayBuffer(STATX.bytes));
  const flags = AT_SYMLINK_NOFOLLOW;
  const result = attempt(
    libc,
    () => libc.statx(AT_FDCWD, pathname, flags, STATX_BASIC_STATS, bytes),
  );
  if (result === -ERRNO.ENOENT) return undefined;
  if (result < 0) {
    throw systemCallError(libc, -result, "statx", "look at", path);
  }
  return unpackStatus(bytes);
}

/** The status of whatever a number is the descriptor of; undefined where of nothing. */
export function descriptorStatus(
  libc: Libc,
  fd: number,
): FileStatus | undefined {
  const bytes = new Uint8Array(new ArrayBuffer(STATX.bytes));
  const failed = libc.statx(
    fd,
    NO_PATH,
    AT_EMPTY_PATH,
    STATX_BASIC_STATS,
    bytes,
  );
  return failed ? undefined : unpackStatus(bytes);
}
