/**
 * The calling thread and its process, as the kernel knows them.
 *
 * @module
 */

import type { Libc } from "./libc.ts";
import { readMemory } from "./memory.ts";

// <elf.h>, getauxval(3)
const AT_RANDOM = 25n;

/** The kernel's id of the calling thread; it never fails. */
export function threadId(libc: Libc): number {
  return libc.gettid();
}

/** The user as whom this thread opens files; it never fails. */
export function effectiveUserId(libc: Libc): number {
  return libc.geteuid();
}

/**
 * The 16 random bytes that the kernel gives a program at its start: the same in
 * all threads of a process, and others in each process. libc guards its stacks
 * with them, so they are not for others to see.
 */
export function randomBytesOfProcess(libc: Libc): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(new ArrayBuffer(16));
  const address = BigInt(libc.getauxval(AT_RANDOM));
  if (address !== 0n) readMemory(libc, bytes, address);
  return bytes;
}

// <sys/resource.h>
const RLIMIT_FSIZE = 1;

/** How large this process may make a file; writing behind it sends SIGXFSZ. */
export function fileSizeLimit(libc: Libc): number {
  // struct rlimit { rlim_t rlim_cur; rlim_t rlim_max; }
  const limits = new BigUint64Array(2);
  const failed = libc.getrlimit(
    RLIMIT_FSIZE,
    new Uint8Array(limits.buffer),
  );
  return failed ? Infinity : Number(limits[0]);
}
