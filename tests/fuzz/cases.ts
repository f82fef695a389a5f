/**
 * A runner of many cases with corrupt input.
 *
 * @module
 */

import { cpuTime, memoryInUse } from "../support/this_thread.ts";
import { Random } from "../support/random.ts";

/** Results of many cases. */
export interface FuzzCounts {
  cases: number;
  /** Number of inputs that were rejected, at the start or at a later record. */
  rejected: number;
  records: number;
  slowestMs: number;
  growthMiB: number;
}

/** Maximum time of a case. */
const LONGEST_MS = 1000;

/** Maximum growth of memory. */
const GROWTH_MIB = 256;

/** Number of cases between two measurements of memory. */
const MEASURE_EVERY = 1000;

const mebibytes = () => memoryInUse() / 2 ** 20;

/**
 * Runs cases, each with different random numbers.
 *
 * @param run Returns the number of records read, or undefined if the input was rejected.
 * @throws {Error} If a case throws, is too slow or needs too much memory. The message
 * contains the seed that reproduces it.
 */
export async function runCases(
  cases: number,
  seed: number,
  run: (random: Random, index: number) => Promise<number | undefined>,
): Promise<FuzzCounts> {
  const counts: FuzzCounts = {
    cases: 0,
    rejected: 0,
    records: 0,
    slowestMs: 0,
    growthMiB: 0,
  };
  const before = mebibytes();
  for (; counts.cases < cases; counts.cases++) {
    const index = counts.cases;
    const runOnce = () =>
      run(new Random(Math.imul(seed + index, 2_654_435_761) | 1), index);
    const name = `case ${index} of seed ${seed}`;
    const start = performance.now();
    try {
      const records = await runOnce();
      if (records === undefined) counts.rejected++;
      counts.records += records ?? 0;
    } catch (error) {
      throw new Error(`failed: ${name}`, { cause: error });
    }
    let ms = performance.now() - start;
    if (ms > LONGEST_MS) {
      // Other programs may have caused the delay, so measure again.
      const cpuStart = cpuTime();
      await runOnce();
      ms = cpuTime() - cpuStart;
    }
    counts.slowestMs = Math.max(counts.slowestMs, ms);
    if (ms > LONGEST_MS) throw new Error(`too slow: ${name}`);
    if (index % MEASURE_EVERY > 0) continue;
    counts.growthMiB = Math.max(counts.growthMiB, mebibytes() - before);
    if (counts.growthMiB > GROWTH_MIB) {
      throw new Error(`too much memory: ${name}`);
    }
  }
  return counts;
}
