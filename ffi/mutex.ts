/**
 * Mutexes in memory that the threads of a process share.
 *
 * @module
 */

import type { Libc } from "./libc.ts";

/**
 * Room for a `pthread_mutex_t`: it has 40 bytes on x86-64 and 48 on AArch64. Zeros
 * are one that nobody has (PTHREAD_MUTEX_INITIALIZER).
 */
export const MUTEX_SIZE = 64;

/** Waits until nobody else has the mutex at `address`, and takes it. */
export function lockMutex(libc: Libc, address: bigint): void {
  libc.pthread_mutex_lock(address);
}

/** Gives the mutex back. */
export function unlockMutex(libc: Libc, address: bigint): void {
  libc.pthread_mutex_unlock(address);
}
