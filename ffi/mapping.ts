/**
 * Mappings of files into memory.
 *
 * @module
 */

import { systemCallError } from "./error.ts";
import type { OpenFile } from "./file.ts";
import type { Libc } from "./libc.ts";

// <sys/mman.h>
const PROT_READ = 0x1;
const PROT_EXEC = 0x4;
const MAP_PRIVATE = 0x2;
const MAP_FIXED_NOREPLACE = 0x10_0000;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

/** The kernel maps whole pages, so any length up to a page's says "one page". */
const ONE_PAGE = 1n;

/** The largest page of the machines that Deno runs on (AArch64). */
export const LARGEST_PAGE = 0x1_0000;

/** A mapping of the first page of a file. */
export interface Mapping {
  readonly address: bigint;
  readonly path: string;
}

/**
 * Maps the file's first page as if there were code in it: readable, executable,
 * private. The file may be empty.
 *
 * @throws {JitDumpError} If the file system or its mount options do not allow it.
 */
export function mapExecutable(libc: Libc, file: OpenFile): Mapping {
  const address = map(libc, file, 0n, 0);
  if (address !== MAP_FAILED) return { address, path: file.path };
  throw systemCallError(libc, "mmap", "map", file.path);
}

/**
 * The same at an address, a multiple of {@linkcode LARGEST_PAGE}; undefined where that
 * is taken.
 */
export function tryMapExecutable(
  libc: Libc,
  file: OpenFile,
  address: bigint,
): Mapping | undefined {
  const mapped = map(libc, file, address, MAP_FIXED_NOREPLACE);
  if (mapped === MAP_FAILED) {
    const error = systemCallError(libc, "mmap", "map", file.path);
    if (error.code === "EEXIST") return undefined;
    throw error;
  }
  const mapping = { address: mapped, path: file.path };
  if (mapped === address) return mapping;
  // Linux before 4.17 does not know the flag, and takes the address for a wish.
  unmap(libc, mapping);
}

const map = (libc: Libc, file: OpenFile, address: bigint, flags: number) =>
  libc.mmap(
    address,
    ONE_PAGE,
    PROT_READ | PROT_EXEC,
    MAP_PRIVATE | flags,
    file.fd,
    0n,
  );

/** Takes the mapping away. */
export function unmap(libc: Libc, mapping: Mapping): void {
  if (libc.munmap(mapping.address, ONE_PAGE) === -1) {
    throw systemCallError(libc, "munmap", "unmap", mapping.path);
  }
}
