/**
 * The calls on an open file. Each throws a {@linkcode JitDumpError} where the
 * system call fails.
 *
 * @module
 */

import { ERRNO, retry } from "./call.ts";
import { readErrno, systemCallError } from "./error.ts";
import type { Libc } from "./libc.ts";
import { addressOfBuffer } from "./memory.ts";

// <fcntl.h>
const F_SETFL = 4;
const SEEK_CUR = 1;

/** `O_APPEND`: each write goes to the end of the file, wherever that is then. */
export const O_APPEND = 0o2000;

/** An open file: its descriptor, and its path for error messages. */
export interface OpenFile {
  readonly fd: number;
  readonly path: string;
}

/** Sets the descriptor's flags, of those that can be changed: {@linkcode O_APPEND}. */
export function setStatusFlags(
  libc: Libc,
  file: OpenFile,
  flags: number,
): void {
  retry(
    libc,
    "fcntl",
    "append to",
    file.path,
    () => libc.fcntl(file.fd, F_SETFL, flags),
  );
}

/** Reads up to `into.length` bytes from `offset` on; says how many there were. */
export function readAt(
  libc: Libc,
  file: OpenFile,
  into: Uint8Array<ArrayBuffer>,
  offset: number,
): number {
  return retry(
    libc,
    "pread",
    "read",
    file.path,
    () => libc.pread(file.fd, into, BigInt(into.length), BigInt(offset)),
  );
}

/**
 * Writes bytes at `offset`; says how many were written. In append mode Linux would
 * write them at the end.
 */
function writeAt(
  libc: Libc,
  file: OpenFile,
  bytes: Uint8Array,
  offset: number,
): number {
  const from = bytes as Uint8Array<ArrayBuffer>;
  return retry(
    libc,
    "pwrite",
    "write to",
    file.path,
    () => libc.pwrite(file.fd, from, BigInt(bytes.length), BigInt(offset)),
  );
}

/** Writes all of the bytes at `offset`; see {@linkcode writeAt}. */
export function writeAllAt(
  libc: Libc,
  file: OpenFile,
  bytes: Uint8Array,
  offset: number,
): void {
  for (let written = 0; written < bytes.length;) {
    const rest = bytes.subarray(written);
    written += writeAt(libc, file, rest, offset + written);
  }
}

/** Writes all of the bytes at `offset`, into a file that is in append mode. */
export function overwriteAt(
  libc: Libc,
  file: OpenFile,
  bytes: Uint8Array,
  offset: number,
): void {
  setStatusFlags(libc, file, 0);
  try {
    writeAllAt(libc, file, bytes, offset);
  } finally {
    setStatusFlags(libc, file, O_APPEND);
  }
}

/** Writes the first `length` bytes; says how many were written. */
export function write(
  libc: Libc,
  file: OpenFile,
  bytes: Uint8Array<ArrayBuffer>,
  length: number,
): number {
  // Not by retry(): this is called for each record, and makes no closure.
  for (;;) {
    const written = libc.write(file.fd, bytes, BigInt(length));
    if (written !== -1) return written;
    const errno = readErrno(libc);
    if (errno === ERRNO.EINTR) continue;
    throw systemCallError(libc, errno, "write", "write to", file.path);
  }
}

/**
 * Writes the parts one behind the other, as one write; says how many bytes were
 * written. Each part must lie in memory that does not move.
 */
export function writeParts(
  libc: Libc,
  file: OpenFile,
  parts: Uint8Array[],
): number {
  // struct iovec { void *iov_base; size_t iov_len; }
  const iov = new BigUint64Array(2 * parts.length);
  parts.forEach((part, i) => {
    iov[2 * i] = addressOfBuffer(libc, part);
    iov[2 * i + 1] = BigInt(part.length);
  });
  const vector = new Uint8Array(iov.buffer);
  return retry(
    libc,
    "writev",
    "write to",
    file.path,
    () => libc.writev(file.fd, vector, parts.length),
  );
}

/** Where the next read or write would be: behind the last one. */
export function filePosition(libc: Libc, file: OpenFile): number {
  return retry(
    libc,
    "lseek",
    "find the end of",
    file.path,
    () => Number(libc.lseek(file.fd, 0n, SEEK_CUR)),
  );
}

/** Cuts the file to `length` bytes. */
export function truncate(libc: Libc, file: OpenFile, length: number): void {
  retry(
    libc,
    "ftruncate",
    "shorten",
    file.path,
    () => libc.ftruncate(file.fd, BigInt(length)),
  );
}

/**
 * Closes the file. The descriptor is gone even where this throws, and an
 * interrupted close is a finished one; see close(2).
 */
export function closeFile(libc: Libc, file: OpenFile): void {
  if (libc.close(file.fd) !== -1) return;
  const errno = readErrno(libc);
  if (errno === ERRNO.EINTR) return;
  throw systemCallError(libc, errno, "close", "close", file.path);
}
