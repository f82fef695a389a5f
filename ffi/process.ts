/**
 * Ids and limits of the calling thread and its process.
 *
 * @module
 */

import { AT_RANDOM, RLIMIT_FSIZE } from "./constants.ts";
import type { Libc } from "./libc.ts";
import { readMemory } from "./memory.ts";

/** Returns the kernel's id of the calling thread; never fails. */
export function threadId(libc: Libc): number {
  return libc.gettid();
}

/** Returns the effective user id of this thread, by which files are opened; never fails. */
export function effectiveUserId(libc: Libc): number {
  return libc.geteuid();
}

/**
 * Returns the 16 random bytes that the kernel passes to a program at its start: the same in
 * all threads of a process, and different in each process. libc derives its stack
 * protector from them, so they must not be disclosed.
 */
export function randomBytesOfProcess(libc: Libc): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(new ArrayBuffer(16));
  const address = BigInt(libc.getauxval(AT_RANDOM));
  if (address !== 0n) readMemory(libc, bytes, address);
  return bytes;
}

/** Returns the file size limit of this process. A write beyond it causes SIGXFSZ. */
export function fileSizeLimit(libc: Libc): number {
  // struct rlimit { rlim_t rlim_cur; rlim_t rlim_max; }
  const limits = new BigUint64Array(2);
  const failed = libc.getrlimit(RLIMIT_FSIZE, new Uint8Array(limits.buffer));
  return failed ? Infinity : Number(limits[0]);
}
