/**
 * Failed system calls, as callers of this directory describe them to users.
 *
 * @module
 */

/** A system call that failed. */
export interface SystemCallFailure {
  /** The system call's name, such as `"open"`. */
  readonly syscall: string;
  /** The name of its errno, such as `"ENOSPC"`; see errno(3). */
  readonly code: string;
  /** The path of the file that it was called for. */
  readonly path: string;
}

/**
 * Creates the exception for a failed system call.
 *
 * @param message The intent, the file and the reason.
 */
export type ErrorFactory = (
  message: string,
  failure: SystemCallFailure,
) => Error;
