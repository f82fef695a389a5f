/**
 * Calling what can fail, or be interrupted.
 *
 * @module
 */

import { readErrno, systemCallError } from "./error.ts";
import type { Libc } from "./libc.ts";

/** Numbers of <errno.h>. */
export const ERRNO = { ENOENT: 2, EINTR: 4, ENOMEM: 12, EEXIST: 17 };

/**
 * Calls until a call is not interrupted; gives what it returns, or, as the kernel does,
 * the errno below 0.
 */
export function attempt(libc: Libc, call: () => number): number {
  for (;;) {
    const result = call();
    if (result !== -1) return result;
    const errno = readErrno(libc);
    if (errno !== ERRNO.EINTR) return -errno;
  }
}

/** Calls until a call is not interrupted, and throws what it failed of. */
export function retry(
  libc: Libc,
  syscall: string,
  intent: string,
  path: string,
  call: () => number,
): number {
  const result = attempt(libc, call);
  if (result >= 0) return result;
  throw systemCallError(libc, -result, syscall, intent, path);
}
