/**
 * Code indices that are unique in the process.
 *
 * perf (6.1 to 7.2) names a function's ELF file by the process and the index alone, so it
 * merges two functions with the same index, whichever thread, file or engine recorded them.
 * The writers of a process share no memory for a common counter, so each thread counts in
 * its own range:
 *
 *      63            42 41                                            0
 *     ┌────────────────┬───────────────────────────────────────────────┐
 *     │   thread id    │   counter, from (start time / 16 ns) on       │
 *     └────────────────┴───────────────────────────────────────────────┘
 *
 * - Linux's thread ids have at most 22 bits (PID_MAX_LIMIT), and no two living threads
 *   share one.
 * - The writers of one thread share its counter, whichever copy of this module created
 *   them: it is a property of `globalThis` under a registered symbol.
 * - A thread that gets the id of an ended thread starts above all indices of that thread,
 *   because no thread needs an index every 16 ns. (The start wraps after 19.5 hours; ids
 *   are reused only after millions of threads.)
 * - Engines that count from 0, as V8 (15) does, would need 2⁴² functions to reach these ranges.
 *
 * @module
 */

const COUNTER_BITS = 42;
const NS_PER_COUNT = 16n;
const COUNTER_KEY = Symbol.for("@jitdump/jitdump: next code index");

/** The next count of a thread: an array, so that V8 (15) allocates no bigint for it. */
type Counter = BigUint64Array;

/** The code indices of one thread. */
export class CodeIndices {
  readonly #start: bigint;
  readonly #counter: Counter;

  /**
   * @param threadId The calling thread's id.
   * @param now Nanoseconds of a monotonic clock.
   */
  constructor(threadId: number, now: bigint) {
    this.#start = BigInt(threadId) << BigInt(COUNTER_BITS);
    const globals = globalThis as unknown as Record<symbol, Counter>;
    this.#counter = globals[COUNTER_KEY] ??= BigUint64Array.of(
      now / NS_PER_COUNT,
    );
  }

  /** Returns the next code index. */
  next(): bigint {
    const counter = this.#counter;
    const count = BigInt.asUintN(COUNTER_BITS, counter[0]);
    counter[0] = count + 1n;
    return BigInt.asUintN(64, this.#start + count);
  }
}
