/**
 * Read-write locks in memory that the threads of a process share.
 *
 * @module
 */

import { TIMESPEC_SIZE } from "./clock.ts";
import type { Libc } from "./libc.ts";
import { addressOfBuffer, writeMemory } from "./memory.ts";

/** Room for a `pthread_rwlock_t`, which has 56 bytes. */
export const RWLOCK_SIZE = 64;

/** `__flags`, and PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP. */
const FLAGS = 48;
const PREFER_WRITER = 2;

const CLOCK_REALTIME = 0;

/** In seconds; nobody has a lock for more than some system calls. */
const PATIENCE = 1n;

/**
 * Makes memory a lock that nobody has, and that does not keep those waiting who want it
 * alone (PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP).
 */
export function initializeRwlock(libc: Libc, address: bigint): void {
  const lock = new Uint8Array(new ArrayBuffer(RWLOCK_SIZE));
  lock[FLAGS] = PREFER_WRITER;
  writeMemory(libc, address, lock);
}

/** Takes the lock at `address` beside others, while nobody has it alone. */
export function lockShared(libc: Libc, address: bigint): void {
  // It may be the thread's own; see lockAlone(). Then this says EDEADLK.
  libc.pthread_rwlock_rdlock(address);
}

/**
 * Takes the lock while nobody else has it.
 *
 * V8 can end a script anywhere, as for a timeout of node:vm, and then not even `finally`
 * is run. A lock that such a script has left taken is waited for in vain.
 *
 * @returns Whether it has been taken.
 */
export function lockAlone(libc: Libc, address: bigint): boolean {
  const time = new Uint8Array(new ArrayBuffer(TIMESPEC_SIZE));
  libc.clock_gettime(CLOCK_REALTIME, addressOfBuffer(libc, time));
  new BigInt64Array(time.buffer)[0] += PATIENCE;
  return libc.pthread_rwlock_timedwrlock(address, time) === 0;
}

/** Gives the lock back. */
export function unlock(libc: Libc, address: bigint): void {
  libc.pthread_rwlock_unlock(address);
}
