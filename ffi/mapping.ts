/**
 * Mappings of files into memory.
 *
 * @module
 */

import {
  MAP_FAILED,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from "./constants.ts";
import { readErrno, systemCallError } from "./error.ts";
import type { OpenFile } from "./file.ts";

/** Length of a mapping of one page: the kernel rounds it up to the page size. */
export const ONE_PAGE = 1;

/**
 * Maps the file's first page as if it contained code: readable, executable, private. The
 * file may be empty.
 *
 * @returns The address.
 * @throws The error of mmap(2), if the file system or its mount options forbid it.
 */
export function mapExecutable(file: OpenFile): bigint {
  return map(file, 0, ONE_PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE);
}

/**
 * Maps an existing part of the file, so that a write to the memory is a write to the
 * file.
 *
 * @param offset A multiple of the largest page size of Deno's machines, 64 KiB.
 * @returns The address.
 * @throws The error of mmap(2), if the file system forbids it.
 */
export function mapWritable(
  file: OpenFile,
  offset: number,
  size: number,
): bigint {
  return map(file, offset, size, PROT_READ | PROT_WRITE, MAP_SHARED);
}

function map(
  { libc, fd, path }: OpenFile,
  offset: number,
  size: number,
  protection: number,
  flags: number,
): bigint {
  const address = libc.mmap(
    0n,
    BigInt(size),
    protection,
    flags,
    fd,
    BigInt(offset),
  );
  if (address !== MAP_FAILED) return address;
  const call = { syscall: "mmap", intent: "map", path };
  throw systemCallError(libc, readErrno(libc), call);
}

/** Removes a mapping of the file. */
export function unmap(
  { libc, path }: OpenFile,
  address: bigint,
  size: number,
): void {
  if (libc.munmap(address, BigInt(size)) !== -1) return;
  const call = { syscall: "munmap", intent: "unmap", path };
  throw systemCallError(libc, readErrno(libc), call);
}
