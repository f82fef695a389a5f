/**
 * Read-write locks in memory that the threads of a process share.
 *
 * @module
 */

import { deadline } from "./clock.ts";
import type { Libc } from "./libc.ts";
import { writeMemory } from "./memory.ts";

/** Room for a `pthread_rwlock_t`, which has 56 bytes. */
export const RWLOCK_SIZE = 64;

/** `__flags`, and PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP. */
const FLAGS = 48;
const PREFER_WRITER = 2;

/** The thread has the lock alone already. */
const EDEADLK = 35;

/**
 * The lock that this thread has taken beside others. It has one at a time, and gives it
 * back in the same call; but V8 can end a script anywhere, as for a timeout of node:vm,
 * and then not even `finally` is run. What a script has left taken is given back when the
 * thread takes the next lock.
 */
let taken = 0n;

function giveBackTaken(libc: Libc): void {
  if (taken === 0n) return;
  const left = taken;
  taken = 0n;
  libc.pthread_rwlock_unlock(left);
}

/**
 * Makes memory a lock that nobody has, and that does not keep those waiting who want it
 * alone (PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP).
 */
export function initializeRwlock(libc: Libc, address: bigint): void {
  const lock = new Uint8Array(new ArrayBuffer(RWLOCK_SIZE));
  lock[FLAGS] = PREFER_WRITER;
  writeMemory(libc, address, lock);
}

/**
 * Takes the lock at `address` beside others, while nobody has it alone.
 *
 * @param patience The same as of {@linkcode lockAlone}.
 * @returns Whether it has been taken.
 */
export function lockShared(
  libc: Libc,
  address: bigint,
  patience: bigint,
): boolean {
  giveBackTaken(libc);
  if (libc.pthread_rwlock_tryrdlock(address) !== 0) {
    const error = libc.pthread_rwlock_timedrdlock(
      address,
      deadline(libc, patience),
    );
    if (error !== 0 && error !== EDEADLK) return false;
  }
  taken = address;
  return true;
}

/**
 * Takes the lock while nobody else has it.
 *
 * @param patience For how many seconds to wait. A script that was ended in another
 * thread, which does nothing since, may have it for ever.
 * @returns Whether it has been taken.
 */
export function lockAlone(
  libc: Libc,
  address: bigint,
  patience: bigint,
): boolean {
  giveBackTaken(libc);
  const error = libc.pthread_rwlock_timedwrlock(
    address,
    deadline(libc, patience),
  );
  return error === 0 || error === EDEADLK;
}

/** Gives the lock back. */
export function unlock(libc: Libc, address: bigint): void {
  taken = 0n;
  libc.pthread_rwlock_unlock(address);
}
