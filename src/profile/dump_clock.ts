/**
 * The times of dumps, in those of the recording.
 *
 * @module
 */

/** How ticks of the processor become nanoseconds: PERF_RECORD_TIME_CONV. */
export interface TickRate {
  readonly timeShift: bigint;
  readonly timeMult: bigint;
  readonly timeZero: bigint;
}

/** The clock of a dump's timestamps. */
export type DumpClock = "nanoseconds" | "ticks" | "unknown";

/** A time that is this near to the recording is one of its own: an hour. */
const NEAR = 3_600_000_000_000n;

/** Converts ticks as perf's `tsc_to_perf_time` does. */
export function ticksToTime(ticks: bigint, rate: TickRate): bigint {
  const { timeShift, timeMult, timeZero } = rate;
  // The kernel's shifts are below 64; a hostile one must not make a huge number.
  const shift = timeShift & 63n;
  const quotient = ticks >> shift;
  const rest = ticks & (1n << shift) - 1n;
  const time = timeZero + quotient * timeMult + (rest * timeMult >> shift);
  return BigInt.asUintN(64, time);
}

/**
 * Returns which clock a dump's timestamps are of, if its header says that of the processor
 * (JITDUMP_FLAGS_ARCH_TIMESTAMP). Some writers set the flag by mistake, and record
 * nanoseconds: then these are nearer to the recording than ticks would be.
 */
export function clockOfFlagged(
  timestamp: bigint,
  recording: bigint,
  rate: TickRate | undefined,
): DumpClock {
  const distance = difference(timestamp, recording);
  if (rate === undefined) return distance <= NEAR ? "nanoseconds" : "unknown";
  return difference(ticksToTime(timestamp, rate), recording) < distance
    ? "ticks"
    : "nanoseconds";
}

function difference(a: bigint, b: bigint): bigint {
  return a > b ? a - b : b - a;
}
