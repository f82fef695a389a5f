/**
 * The marker: an executable mapping of a dump, by which perf learns where it is.
 *
 * perf reads a file once for each time that it is mapped, so all dumps that a process
 * has open on one file, in whichever threads, share one marker. Threads share no
 * variable in which they could agree on it. They share what the kernel keeps:
 *
 *     address space     ┌──────┐          the marker lies at an address that follows
 *                   ····│marker│····      from the process and the file, so whoever
 *                       └──┬───┘          comes first gets it, and all others find
 *                          │ address      it taken
 *     the file's locks  ───┴─┬─┬─┬───
 *                            A B C        each open dump has a lock, shared, on the
 *                                         byte of that number: whoever is left with
 *                                         it alone, when closing, takes the marker away
 *
 * Whatever a thread dies of, the marker stays as long as the other dumps need it: the
 * lock goes with the descriptor. Where a worker is terminated with a dump open, both
 * stay until the process ends.
 *
 * The lock is taken before the mapping is tried. So where the address is taken and
 * nobody else has the lock, something unrelated lies there, and the next one is tried.
 *
 * @module
 */

import type { OpenFile } from "../ffi/file.ts";
import type { Libc } from "../ffi/libc.ts";
import {
  isLockedByAnother,
  type LockRange,
  tryLockAlone,
  tryLockShared,
  unlock,
} from "../ffi/lock.ts";
import {
  LARGEST_PAGE,
  mapExecutable,
  tryMapExecutable,
  unmap,
} from "../ffi/mapping.ts";
import type { FileStatus } from "../ffi/status.ts";
import { processMark } from "./process_mark.ts";

/**
 * Where markers lie: from 2³⁷ on, where neither programs nor the kernel's own choice
 * put anything, up to 2⁴⁶, and on AArch64 up to 2³⁸, which some kernels end soon
 * behind. V8 reserves some 10 GiB in this range, anywhere.
 */
const FIRST_ADDRESS = 1n << 37n;
const ADDRESS_END = 1n << (Deno.build.arch === "aarch64" ? 38n : 46n);
const STEP = BigInt(LARGEST_PAGE);
const PLACES = (ADDRESS_END - FIRST_ADDRESS) / STEP;

/** How many addresses are tried. */
const CANDIDATES = 16n;

/** The addresses where the marker of a file may lie, in the order of trying. */
function* candidates(
  libc: Libc,
  { device, inode }: FileStatus,
): Generator<bigint> {
  for (let i = 0n; i < CANDIDATES; i++) {
    const mark = processMark(libc, device, inode, i);
    yield FIRST_ADDRESS + mark % PLACES * STEP;
  }
}

/** What one open dump has of its file's marker. */
export class Marker {
  readonly #libc: Libc;
  readonly #file: OpenFile;
  readonly #address: bigint;

  private constructor(libc: Libc, file: OpenFile, address: bigint) {
    this.#libc = libc;
    this.#file = file;
    this.#address = address;
  }

  /**
   * Puts the marker up, or takes part in the one that is there.
   *
   * @param status The file's.
   * @returns undefined where somebody has the file's locks alone, which lasts for a
   * moment: the last dump on it is being closed, or the file renamed or removed.
   * @throws {JitDumpError} If the file cannot be mapped or locked there.
   */
  static tryPut(
    libc: Libc,
    file: OpenFile,
    status: FileStatus,
  ): Marker | undefined {
    for (const address of candidates(libc, status)) {
      const lock = lockOf(address);
      if (!tryLockShared(libc, file, lock)) return undefined;
      if (
        tryMapExecutable(libc, file, address) ||
        isLockedByAnother(libc, file, lock)
      ) return new Marker(libc, file, address);
      unlock(libc, file, lock);
    }
    // One of its own will do, though perf reads the file once more then.
    const mapping = mapExecutable(libc, file);
    const { address } = mapping;
    if (tryLockShared(libc, file, lockOf(address))) {
      return new Marker(libc, file, address);
    }
    unmap(libc, mapping);
  }

  /**
   * Takes the marker away if nobody else needs it. Close the file then: its lock
   * keeps others from taking part in a marker that is going.
   */
  release(): void {
    const lock = lockOf(this.#address);
    // Without its own, so that of several that close at once the last one succeeds.
    unlock(this.#libc, this.#file, lock);
    if (!tryLockAlone(this.#libc, this.#file, lock)) return;
    unmap(this.#libc, { address: this.#address, path: this.#file.path });
  }
}

const lockOf = (address: bigint): LockRange => ({ start: address, length: 1n });
