/**
 * Calling what can be interrupted.
 *
 * @module
 */

import { systemCallError } from "./error.ts";
import type { Libc } from "./libc.ts";

/** Throws what the last call failed of, unless a signal interrupted it. */
export function throwUnlessInterrupted(
  libc: Libc,
  syscall: string,
  intent: string,
  path: string,
): void {
  const error = systemCallError(libc, syscall, intent, path);
  if (error.code !== "EINTR") throw error;
}

/** Calls until a call is not interrupted, and throws what it failed of. */
export function retry(
  libc: Libc,
  syscall: string,
  intent: string,
  path: string,
  call: () => number | bigint,
): number {
  for (;;) {
    const result = Number(call());
    if (result !== -1) return result;
    throwUnlessInterrupted(libc, syscall, intent, path);
  }
}
