/**
 * Failed system calls, as this directory reports them to its callers.
 *
 * @module
 */

/** A system call that failed. */
export interface SystemCallFailure {
  /** The system call's name, such as `"open"`. */
  readonly syscall: string;
  /** The name of its errno, such as `"ENOSPC"`; see errno(3). */
  readonly code: string;
  /** The path of the file that the call was about. */
  readonly path: string;
}

/**
 * Creates the exception for a failed system call.
 *
 * @param message The message: intent, file and reason.
 */
export type ErrorFactory = (
  message: string,
  failure: SystemCallFailure,
) => Error;
