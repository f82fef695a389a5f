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
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

/** The kernel maps whole pages, so any length up to a page's says "one page". */
const ONE_PAGE = 1n;

/** A mapping of the first page of a file. */
export interface Mapping {
  readonly address: bigint;
  readonly path: string;
}

/**
 * Maps the file's first page as if there were code in it: readable,
 * executable, private. The file may be empty.
 *
 * @throws {JitDumpError} If the file system or its mount options do not allow it.
 */
export function mapExecutable(libc: Libc, file: OpenFile): Mapping {
  const address = libc.mmap(
    0n,
    ONE_PAGE,
    PROT_READ | PROT_EXEC,
    MAP_PRIVATE,
    file.fd,
    0n,
  );
  if (address === MAP_FAILED) {
    throw systemCallError(libc, "mmap", "map", file.path);
  }
  return { address, path: file.path };
}

/** Takes the mapping away. */
export function unmap(libc: Libc, mapping: Mapping): void {
  if (libc.munmap(mapping.address, ONE_PAGE) === -1) {
    throw systemCallError(libc, "munmap", "unmap", mapping.path);
  }
}
