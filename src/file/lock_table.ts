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
 * The kernel removes a writer from it however the writer ends, and it keeps the marker's
 * address. These cases remain:
 *
 * - A file system without open file description locks: opening fails with the error of
 *   fcntl(2).
 * - Two processes whose hashes are equal (one pair in 2^26) and that write the same file:
 *   each takes the other for a writer of its own process. The header of a dump tells them
 *   apart, by 20 more bits; a perf map then gets the lines of both.
 * - A terminated worker: its descriptors stay open until the process ends, so the process
 *   keeps the marker, and keeps refusing others if the sink was "mapped".
 *
 * @module
 */

import type { OpenFile } from "../../ffi/file.ts";
import { findLock, tryLock, unlock } from "../../ffi/lock.ts";
import { pause } from "./pause.ts";
import { processIdentity } from "./process_identity.ts";

const DOOR = 1n << 62n;

const HASH_BITS = 26;
const PAGE_NUMBER_BITS = 36n;

/** The smallest page has 4 KiB, so an address of 48 bits has a page number of 36. */
const PAGE_SHIFT = 12n;

/** The purpose of this process identity. */
const PURPOSE = 3n;

/** A script that V8 has terminated in another thread may never release the door. */
const DOOR_TIMEOUT_MS = 20_000;

/** The other writers of a file in this process. */
export interface Writers {
  /** The address of the marker mapping. */
  readonly marker: bigint;
  /** Whether the one writer excludes others. */
  readonly isExclusive: boolean;
}

/** An operation behind a door. */
interface Operation {
  readonly file: OpenFile;
  /** Releases what the operation has acquired. */
  readonly abandon: () => void;
}

/**
 * The operation of this thread. V8 can terminate a script at any point without running
 * `finally`, as node:vm does after a timeout; the thread's next operation then abandons
 * this one. It is set before the door is locked and cleared after it is unlocked.
 */
let current: Operation | undefined;

function abandonInterrupted(): void {
  if (!current) return;
  try {
    unlock(current.file, DOOR);
    current.abandon();
  } catch {
    // Nothing else can be done for a script that was terminated.
  }
  current = undefined;
}

/** The entry of one writer of a file. */
export class LockTable {
  readonly #file: OpenFile;
  /** The first byte of this process, and the first of the next. */
  readonly #start: bigint;
  readonly #end: bigint;
  /** The byte that this writer has locked. */
  #byte: bigint | undefined;
  #isExclusive = false;
  #timeoutMs = DOOR_TIMEOUT_MS;

  constructor(file: OpenFile) {
    this.#file = file;
    const identity = processIdentity(file.libc, PURPOSE);
    const hash = BigInt.asUintN(HASH_BITS, identity);
    this.#start = hash << PAGE_NUMBER_BITS;
    this.#end = this.#start + (1n << PAGE_NUMBER_BITS);
  }

  /**
   * Runs `action` while no other writer opens, closes or repairs the file. Actions are not
   * nested.
   *
   * @param action Receives whether that is certain: not if the door stayed locked until
   * the timeout.
   * @param abandon Releases what `action` has acquired, if V8 terminates it. It may run
   * at any point of `action`, and more than once.
   */
  behindDoor<T>(
    action: (isAlone: boolean) => T,
    abandon: () => void = () => {},
  ): T {
    abandonInterrupted();
    current = { file: this.#file, abandon };
    try {
      return action(this.#lockDoor());
    } finally {
      unlock(this.#file, DOOR);
      current = undefined;
    }
  }

  /** Polls, because F_OFD_SETLKW has no timeout. */
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

  /** Records this writer; returns whether no other one excludes it. */
  join(marker: bigint, isExclusive: boolean): boolean {
    this.#byte = this.#start + (marker >> PAGE_SHIFT);
    this.#isExclusive = isExclusive;
    return tryLock(this.#file, this.#byte, isExclusive);
  }

  /** Returns whether this process has no other writer of the file. */
  isOnly(): boolean {
    if (this.#byte === undefined || !tryLock(this.#file, this.#byte, true)) {
      return false;
    }
    if (!this.#isExclusive) tryLock(this.#file, this.#byte, false);
    return true;
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
