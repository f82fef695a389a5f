/**
 * Mappings into memory.
 *
 * @module
 */

import { ERRNO } from "./call.ts";
import { readErrno, systemCallError } from "./error.ts";
import type { OpenFile } from "./file.ts";
import type { Libc } from "./libc.ts";

// <sys/mman.h>
const PROT_READ = 0x1;
const PROT_WRITE = 0x2;
const PROT_EXEC = 0x4;
const MAP_SHARED = 0x1;
const MAP_PRIVATE = 0x2;
const MAP_ANONYMOUS = 0x20;
const MAP_NORESERVE = 0x4000;
const MAP_FIXED_NOREPLACE = 0x10_0000;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

/** The kernel maps whole pages, so any length up to a page's says "one page". */
const ONE_PAGE = 1n;

/** What error messages call memory that is no file's. */
const MEMORY = "memory";

/**
 * Maps the file's first page as if there were code in it: readable, executable,
 * private. The file may be empty.
 *
 * @returns The address.
 * @throws {JitDumpError} If the file system or its mount options do not allow it.
 */
export function mapExecutable(libc: Libc, file: OpenFile): bigint {
  const address = libc.mmap(
    0n,
    ONE_PAGE,
    PROT_READ | PROT_EXEC,
    MAP_PRIVATE,
    file.fd,
    0n,
  );
  if (address !== MAP_FAILED) return address;
  throw systemCallError(libc, readErrno(libc), "mmap", "map", file.path);
}

/** Takes the mapping of a file's first page away. */
export function unmapPage(libc: Libc, file: OpenFile, address: bigint): void {
  if (libc.munmap(address, ONE_PAGE) !== -1) return;
  throw systemCallError(libc, readErrno(libc), "munmap", "unmap", file.path);
}

/**
 * Maps a part of the file that is there, to be written by writing to memory: what is
 * written is in the file at once.
 *
 * @param offset A multiple of the largest page of Deno's machines, 64 KiB.
 * @returns The address.
 * @throws {JitDumpError} If the file system does not allow it.
 */
export function mapWritable(
  libc: Libc,
  file: OpenFile,
  offset: number,
  size: number,
): bigint {
  const address = libc.mmap(
    0n,
    BigInt(size),
    PROT_READ | PROT_WRITE,
    MAP_SHARED,
    file.fd,
    BigInt(offset),
  );
  if (address !== MAP_FAILED) return address;
  throw systemCallError(libc, readErrno(libc), "mmap", "map", file.path);
}

/** Takes away what {@linkcode mapWritable} has mapped; what was written is in the file. */
export function unmapWritable(
  libc: Libc,
  file: OpenFile,
  address: bigint,
  size: number,
): void {
  if (libc.munmap(address, BigInt(size)) !== -1) return;
  throw systemCallError(libc, readErrno(libc), "munmap", "unmap", file.path);
}

/**
 * Maps memory that starts as zeros and takes no room until it is used.
 *
 * @param address A multiple of the largest page of Deno's machines, 64 KiB.
 * @returns Whether it could be mapped there.
 */
export function tryMapMemoryAt(
  libc: Libc,
  address: bigint,
  size: number,
): boolean {
  const mapped = libc.mmap(
    address,
    BigInt(size),
    PROT_READ | PROT_WRITE,
    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
    -1,
    0n,
  );
  if (mapped === address) return true;
  if (mapped !== MAP_FAILED) {
    // Linux before 4.17 does not know the flag, and takes the address for a wish.
    unmapMemory(libc, mapped, size);
    return false;
  }
  const errno = readErrno(libc);
  // No memory: the address may be behind what the kernel gives.
  if (errno === ERRNO.EEXIST || errno === ERRNO.ENOMEM) return false;
  throw systemCallError(libc, errno, "mmap", "map", MEMORY);
}

/** Takes away what {@linkcode tryMapMemoryAt} has mapped. */
export function unmapMemory(libc: Libc, address: bigint, size: number): void {
  if (libc.munmap(address, BigInt(size)) !== -1) return;
  throw systemCallError(libc, readErrno(libc), "munmap", "unmap", MEMORY);
}
