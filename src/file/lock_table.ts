/**
 * The writers of a file, as recorded in the kernel's lock table.
 *
 *     byte 2^62        the door: locked while a writer opens, closes or repairs the file
 *     bytes below it   one byte for each process: locked shared by each of its writers,
 *                      exclusively by the sink "mapped"
 *
 *                       61                36 35                              0
 *                      ┌────────────────────┬─────────────────────────────────┐
 *           position = │ hash of process    │ page of the marker mapping      │
 *                      └────────────────────┴─────────────────────────────────┘
 *
 * The threads of a Deno process share no JavaScript state, but they share this table.
 * The kernel removes a writer's lock however the writer ends, and the position of the lock
 * holds the marker's address. The limits:
 *
 * - On a file system without open file description locks, opening fails with the error of
 *   fcntl(2).
 * - If two processes with equal hashes (one pair in 2^26) write the same file, each
 *   mistakes the other for a writer of its own process. The header of a dump distinguishes
 *   them by 20 more bits; a perf map gets the lines of both.
 * - If V8 terminates a script after it has opened a dump and before it has stored it in a
 *   variable, the dump stays open until the program ends.
 * - The descriptors of a terminated worker stay open until the process ends. The process
 *   therefore keeps the marker, and refuses other writers if the sink was "mapped". If the
 *   worker had locked the door, each later operation that locks it waits for the timeout.
 *
 * @module
 */

import type { OpenFile } from "../../ffi/file.ts";
import { findLock, tryLock, unlock } from "../../ffi/lock.ts";
import { onTermination } from "../operation.ts";
import { pause } from "./pause.ts";
import { processIdentity } from "./process_identity.ts";

const DOOR = 1n << 62n;

const HASH_BITS = 26;
const PAGE_NUMBER_BITS = 36n;

/** Bits of an offset in the smallest page, 4 KiB: a 48-bit address has a 36-bit page number. */
const PAGE_SHIFT = 12n;

/** The `purpose` of this {@linkcode processIdentity}. */
const PURPOSE = 3n;

/**
 * Timeout for locking the door. A script that V8 has terminated in another thread may have
 * left it locked. After the timeout, nothing is unmapped or truncated.
 */
const DOOR_TIMEOUT_MS = 5_000;

/** The other writers of a file in this process. */
export interface Writers {
  /** The address of the marker mapping. */
  readonly marker: bigint;
  /** True if there is one writer, which excludes others. */
  readonly isExclusive: boolean;
}

/** The locks of one writer of a file. */
export class LockTable {
  readonly #file: OpenFile;
  /** The first byte of this process, and the first of the next. */
  readonly #start: bigint;
  readonly #end: bigint;
  /** The byte that this writer has locked. */
  #byte: bigint | undefined;
  #timeoutMs = DOOR_TIMEOUT_MS;

  constructor(file: OpenFile) {
    this.#file = file;
    const identity = processIdentity(file.libc, PURPOSE);
    const hash = BigInt.asUintN(HASH_BITS, identity);
    this.#start = hash << PAGE_NUMBER_BITS;
    this.#end = this.#start + (1n << PAGE_NUMBER_BITS);
  }

  /**
   * Runs `action` with the door locked, so that no other writer opens, closes or repairs the
   * file.
   *
   * @param action `isAlone` is false if the door could not be locked before the timeout.
   */
  withDoorLocked<T>(action: (isAlone: boolean) => T): T {
    onTermination(() => this.#openDoor());
    const isAlone = this.#lockDoor();
    try {
      return action(isAlone);
    } finally {
      if (isAlone) this.#openDoor();
    }
  }

  /** Locks the door; returns false after the timeout. Polls: F_OFD_SETLKW has no timeout. */
  #lockDoor(): boolean {
    const deadline = performance.now() + this.#timeoutMs;
    while (!tryLock(this.#file, DOOR, true)) {
      if (performance.now() >= deadline) {
        // The next operation does not wait again.
        this.#timeoutMs = 0;
        return false;
      }
      pause();
    }
    this.#timeoutMs = DOOR_TIMEOUT_MS;
    return true;
  }

  #openDoor(): void {
    try {
      unlock(this.#file, DOOR);
    } catch {
      // `action` has finished. Other writers wait until their timeout.
    }
  }

  /** Finds the other writers of this process; returns undefined if there are none. */
  findWriters(): Writers | undefined {
    const found = findLock(this.#file, this.#start, this.#end);
    if (!found) return undefined;
    const { start, isExclusive } = found;
    return { marker: start - this.#start << PAGE_SHIFT, isExclusive };
  }

  /** Returns whether a writer of another process has the file open. */
  hasOtherProcess(): boolean {
    const file = this.#file;
    return findLock(file, 0n, this.#start) !== undefined ||
      findLock(file, this.#end, DOOR) !== undefined;
  }

  /** Adds this writer to the table; returns false if another one excludes it. */
  join(marker: bigint, isExclusive: boolean): boolean {
    this.#byte = this.#start + (marker >> PAGE_SHIFT);
    // If the door was not locked, another process may have joined since the last check.
    return tryLock(this.#file, this.#byte, isExclusive) &&
      !this.hasOtherProcess();
  }

  /** Returns whether this writer is the only one of this process. Lock the door first. */
  isOnly(): boolean {
    return this.#byte !== undefined && this.findWriters() === undefined;
  }

  /**
   * Removes this writer. Closing the file is not enough: a mapping of it keeps the open
   * file description, and so its locks.
   */
  leave(): void {
    if (this.#byte === undefined) return;
    unlock(this.#file, this.#byte);
    this.#byte = undefined;
  }
}
