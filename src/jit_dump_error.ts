/**
 * The exception for failed system calls, with the remedy for each.
 *
 * @module
 */

import type { SystemCallFailure } from "../ffi/system_call_failure.ts";

/**
 * Error of a failed system call.
 *
 * The message contains the intent, the file, the reason and a remedy. The fields contain
 * the call, the errno and the file for a program.
 *
 * @example Continuing without a dump if the disk is full
 * ```ts
 * import { assert, assertFalse } from "@std/assert";
 * import { JitDumpError } from "@jitdump/jitdump";
 *
 * function isDiskFull(error: unknown): boolean {
 *   return error instanceof JitDumpError && error.code === "ENOSPC";
 * }
 *
 * const failure = { syscall: "write", code: "ENOSPC", path: "jit-1.dump" };
 * assert(isDiskFull(new JitDumpError("Cannot write", failure)));
 * assertFalse(isDiskFull(new TypeError("Cannot write")));
 * ```
 */
export class JitDumpError extends Error implements SystemCallFailure {
  /** `"JitDumpError"`. */
  override readonly name = "JitDumpError";
  readonly syscall: string;
  readonly code: string;
  readonly path: string;

  /**
   * Creates the error of a failed system call; a remedy is appended to the message.
   *
   * @param message The intent, the file and the reason.
   * @param failure The system call, its errno and the file.
   */
  constructor(message: string, failure: SystemCallFailure) {
    const { syscall, code, path } = failure;
    const remedy = REMEDIES[`${syscall} ${code}`] ?? REMEDIES[code];
    super(remedy ? `${message} ${remedy}` : message);
    this.syscall = syscall;
    this.code = code;
    this.path = path;
  }
}

/** Remedies by errno; `"syscall CODE"` takes precedence over `"CODE"`. */
const REMEDIES: Record<string, string> = {
  "open EACCES":
    "Choose a directory that this user may write to, or another file name if the file belongs to another user.",
  "open EISDIR": "It is a directory: pass the path of a file in it.",
  "open ELOOP":
    "Its last component is a symbolic link, which is not followed, or its directory has a cycle of links: choose another path.",
  "open EMFILE": "Close some files, or raise the limit with `ulimit -n`.",
  "open ENAMETOOLONG": "Choose a shorter path.",
  "open ENOENT": "Create the directory first.",
  "open ENOTDIR":
    "A component of its directory is not a directory: correct the path.",
  "open EROFS": "Choose a directory on a writable file system.",
  "mmap EACCES":
    "perf finds the file by an executable mapping: choose a directory whose file system allows one.",
  "mmap ENODEV":
    "perf finds the file by a mapping: choose a directory on a file system whose files can be mapped.",
  "mmap EPERM":
    "perf finds the file by an executable mapping: choose a directory that is not mounted noexec.",
  "fcntl EINVAL":
    "Writers coordinate by open file description locks, which need Linux 3.15.",
  "fcntl ENOLCK":
    "Writers coordinate by file locks: choose a directory on a file system that supports them.",
  "fcntl EOPNOTSUPP":
    "Writers coordinate by file locks: choose a directory on a file system that supports them.",
  "rename EISDIR":
    "A dump of an earlier process would get that name: remove the directory.",
  EDQUOT: "The user's disk quota is exhausted: free some space.",
  EFAULT: "The code cannot be read: pass a view of readable memory.",
  EFBIG: "Raise the limit on the size of a file with `ulimit -f`.",
  EIO: "The device reported an error: see the kernel's log (`dmesg`).",
  ENOMEM: "Free some memory, or raise the limit with `ulimit -v`.",
  ENOSPC: "The file system is full: free some space.",
};
