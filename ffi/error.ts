/**
 * What a failing system call becomes.
 *
 * @module
 */

import type { Libc } from "./libc.ts";
import { readMemory } from "./memory.ts";

/** What {@linkcode JitDumpError} knows of the call that failed. */
export interface SystemCallFailure {
  /** The system call's name, such as `"open"`. */
  readonly syscall: string;
  /** The name of its errno, such as `"ENOSPC"`; see errno(3). */
  readonly code: string;
  /** The file that it was about. */
  readonly path: string;
}

/**
 * A system call failed.
 *
 * The message says what could not be done to which file, why, and what to do
 * about it; the fields say the same to a program.
 *
 * @example Going on without a dump when there is no room for it
 * ```ts
 * import { JitDumpError } from "@jitdump/jitdump";
 *
 * function isFull(error: unknown): boolean {
 *   return error instanceof JitDumpError && error.code === "ENOSPC";
 * }
 *
 * if (isFull(new Error("something else"))) throw new Error("not reached");
 * ```
 */
export class JitDumpError extends Error implements SystemCallFailure {
  /** `"JitDumpError"`. */
  override readonly name = "JitDumpError";
  readonly syscall: string;
  readonly code: string;
  readonly path: string;

  /**
   * Makes the error; the module does so itself.
   *
   * @param message What could not be done, why, and what to do about it.
   * @param failure The same for a program.
   */
  constructor(message: string, failure: SystemCallFailure) {
    super(message);
    this.syscall = failure.syscall;
    this.code = failure.code;
    this.path = failure.path;
  }
}

/**
 * What to do about an errno; `"syscall CODE"` goes before `"CODE"`.
 */
const REMEDIES: Record<string, string> = {
  "open EACCES":
    "Choose a directory that this user may write to, or another file name if the file is somebody else's.",
  "open EISDIR": "It is a directory: give the path of a file in it.",
  "open ELOOP":
    "Its last component is a symbolic link, which is not followed, or its directory's links go in circles: choose another path.",
  "open EMFILE": "Close some files, or raise the limit with `ulimit -n`.",
  "open ENAMETOOLONG": "Choose a shorter path.",
  "open ENOENT": "Create the directory first.",
  "open ENOTDIR":
    "A component of its directory is not a directory: correct the path.",
  "open EROFS": "Choose a directory on a file system that is not read-only.",
  "mmap EACCES":
    "perf finds the file by an executable mapping: choose a directory whose file system allows one.",
  "mmap ENODEV":
    "perf finds the file by a mapping: choose a directory on a file system whose files can be mapped.",
  "mmap EPERM":
    "perf finds the file by an executable mapping: choose a directory that is not mounted noexec.",
  "fcntl ENOLCK":
    "Threads agree by locks on who writes it: choose a directory on a file system that knows them.",
  "rename EISDIR":
    "A dump of an earlier process would get that name: remove the directory.",
  EDQUOT: "The user's disk quota is used up: free some space.",
  EFAULT: "The code cannot be read: pass a view over memory that can.",
  EFBIG: "Raise the limit of a file's size with `ulimit -f`.",
  EIO: "The device reported an error: see the kernel's log (`dmesg`).",
  ENOMEM: "Free some memory, or raise the limit with `ulimit -v`.",
  ENOSPC: "The file system is full: free some space.",
};

// Made once: what allocates may collect garbage, and that calls libc itself.
const errno = new Int32Array(1);
const errnoBytes = new Uint8Array(errno.buffer);
let errnoAddress: bigint | undefined;

/**
 * The errno that the last failing call of this thread has left. Ask for it before
 * anything else that might call into libc.
 */
export function readErrno(libc: Libc): number {
  errnoAddress ??= libc.__errno_location();
  readMemory(libc, errnoBytes, errnoAddress);
  return errno[0];
}

/** libc's sentence for `errno`. */
function describeErrno(libc: Libc, errno: number): string {
  const text = new Uint8Array(256);
  libc.__xpg_strerror_r(errno, text, BigInt(text.length));
  return new TextDecoder().decode(text.subarray(0, text.indexOf(0)));
}

/** The symbolic name of `errno`. */
function nameErrno(errno: number): string {
  // Not imported: node:os costs every program that imports this module some
  // milliseconds, and nearly none of them gets here.
  const { constants } = process.getBuiltinModule("node:os");
  for (const [name, value] of Object.entries(constants.errno)) {
    if (value === errno) return name;
  }
  return `errno ${errno}`;
}

/**
 * Makes the error for a call that has failed.
 *
 * @param libc Has sentences for errnos.
 * @param errno What {@linkcode readErrno} gave.
 * @param syscall The call's name.
 * @param intent What was to be done to the file, as a verb: `"open"`, `"write to"`.
 * @param path The file.
 */
export function systemCallError(
  libc: Libc,
  errno: number,
  syscall: string,
  intent: string,
  path: string,
): JitDumpError {
  const code = nameErrno(errno);
  const remedy = REMEDIES[`${syscall} ${code}`] ?? REMEDIES[code];
  return new JitDumpError(
    `Cannot ${intent} "${path}": ${syscall}() failed with ${code} ` +
      `(${describeErrno(libc, errno)}).` + (remedy ? ` ${remedy}` : ""),
    { syscall, code, path },
  );
}
