/**
 * System calls that fail or are interrupted.
 *
 * @module
 */

import { EINTR } from "./constants.ts";
import type { Libc } from "./libc.ts";
import { copyMemory } from "./memory.ts";

/** A system call, for error messages. */
export interface SystemCall {
  /** The name of the call. */
  readonly syscall: string;
  /** The purpose of the call, as a verb: `"open"`, `"write to"`. */
  readonly intent: string;
  /** The path of the file. */
  readonly path: string;
}

const ERRNO_SIZE = 4n;

/**
 * Returns the errno that the last failed call of this thread has set. Call it before
 * anything else that might call into libc. It allocates nothing, because an allocation may
 * start a garbage collection, which calls libc itself.
 */
export function readErrno(libc: Libc): number {
  const { address, copy, copyAddress } = libc.errno;
  copyMemory(libc, copyAddress, address, ERRNO_SIZE);
  return copy[0];
}

/** Retries `call` while a signal interrupts it. Returns its result, or a negative errno. */
export function attempt(libc: Libc, call: () => number): number {
  for (;;) {
    const result = call();
    if (result !== -1) return result;
    const errno = readErrno(libc);
    if (errno !== EINTR) return -errno;
  }
}

/** Retries `call` while a signal interrupts it. Returns its result, or throws if it fails. */
export function retry(
  libc: Libc,
  of: SystemCall,
  call: () => number,
): number {
  const result = attempt(libc, call);
  if (result >= 0) return result;
  throw systemCallError(libc, -result, of);
}

/** Creates the exception for a system call that has set `errno`. */
export function systemCallError(
  libc: Libc,
  errno: number,
  { syscall, intent, path }: SystemCall,
): Error {
  const code = nameErrno(errno);
  return libc.createError(
    `Cannot ${intent} "${path}": ${syscall}() failed with ${code} ` +
      `(${describeErrno(libc, errno)}).`,
    { syscall, code, path },
  );
}

/** Returns libc's description of an errno. */
function describeErrno(libc: Libc, errno: number): string {
  const text = new Uint8Array(256);
  libc.__xpg_strerror_r(errno, text, BigInt(text.length));
  return new TextDecoder().decode(text.subarray(0, text.indexOf(0)));
}

/** Returns the symbolic name of an errno. */
function nameErrno(errno: number): string {
  // Not imported statically: node:os takes some milliseconds to load, and few programs
  // need it.
  const { constants } = process.getBuiltinModule("node:os");
  for (const [name, value] of Object.entries(constants.errno)) {
    if (value === errno) return name;
  }
  return `errno ${errno}`;
}
