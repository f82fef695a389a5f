/**
 * Code indices that no two functions of a process share.
 *
 * perf names a function's ELF file by the process and the index alone, so two
 * functions with one index become one in the report, whichever thread, file or
 * engine they came from. The writers of a process share no memory that
 * JavaScript could count in, so each counts in a range of its own:
 *
 *      63            42 41                                            0
 *     ┌────────────────┬───────────────────────────────────────────────┐
 *     │   thread id    │   counter, from (start time / 16 ns) on       │
 *     └────────────────┴───────────────────────────────────────────────┘
 *
 * - Linux's thread ids have 22 bits at most (PID_MAX_LIMIT), and no two living
 *   threads share one.
 * - The writers of one thread share its counter, whichever copy of this module
 *   they come from: it hangs on `globalThis` under a registered symbol.
 * - A thread that gets the id of one that has ended starts above all that the
 *   other can have counted, because nobody takes an index every 16 ns. (The start
 *   wraps after 19.5 hours; ids are used again only after millions of threads.)
 * - Engines that count from 0, as V8 does, would need 2⁴² functions to get here.
 *
 * @module
 */

import type { Uint64 } from "./uint64.ts";

const COUNTERS = 2 ** 42;
const NS_PER_COUNT = 16n;
const COUNTER_KEY = Symbol.for("@jitdump/jitdump: next code index");

interface Counter {
  next: number;
}

/** The code indices of one thread. */
export class CodeIndices {
  readonly #threadId: number;
  readonly #counter: Counter;

  /**
   * @param threadId The calling thread's id.
   * @param now Nanoseconds of a clock that does not go back.
   */
  constructor(threadId: number, now: bigint) {
    this.#threadId = threadId;
    const globals = globalThis as unknown as Record<symbol, Counter>;
    this.#counter = globals[COUNTER_KEY] ??= {
      next: Number(BigInt.asUintN(42, now / NS_PER_COUNT)),
    };
  }

  /** Sets `into` to the next index. */
  next(into: Uint64): void {
    const count = this.#counter.next;
    this.#counter.next = (count + 1) % COUNTERS;
    const low = count >>> 0;
    into.set(low, this.#threadId * 2 ** 10 + (count - low) / 2 ** 32);
  }
}
