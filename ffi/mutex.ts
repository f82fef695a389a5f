/**
 * Mutexes in memory that the threads of a process share.
 *
 * @module
 */

import { deadline } from "./clock.ts";
import type { Libc } from "./libc.ts";
import { writeMemory } from "./memory.ts";

/** Room for a `pthread_mutex_t`: it has 40 bytes on x86-64 and 48 on AArch64. */
export const MUTEX_SIZE = 64;

/** `__kind`, and PTHREAD_MUTEX_ERRORCHECK_NP. */
const KIND = 16n;
const ERROR_CHECK = Int32Array.of(2);

/**
 * Makes zeros, or a mutex that nobody has, a mutex that tells its owner from others
 * (PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP).
 */
export function initializeMutex(libc: Libc, address: bigint): void {
  writeMemory(libc, address + KIND, new Uint8Array(ERROR_CHECK.buffer));
}

/** The thread has the mutex already. */
const EDEADLK = 35;

/**
 * Waits until nobody else has the mutex at `address`, and takes it.
 *
 * The thread may have it already: V8 can end a script anywhere, as for a timeout of
 * node:vm, and then not even `finally` is run. Then it is the thread's as it should be.
 *
 * @param patience For how many seconds to wait. A script that was ended in another
 * thread, which does nothing since, may have it for ever.
 * @returns Whether it has been taken.
 */
export function lockMutex(
  libc: Libc,
  address: bigint,
  patience: bigint,
): boolean {
  const error = libc.pthread_mutex_timedlock(address, deadline(libc, patience));
  return error === 0 || error === EDEADLK;
}

/** Gives the mutex back. */
export function unlockMutex(libc: Libc, address: bigint): void {
  libc.pthread_mutex_unlock(address);
}
