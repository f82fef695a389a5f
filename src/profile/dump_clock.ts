/**
 * Conversion of dump timestamps to the clock of the recording.
 *
 * @module
 */

/** Conversion of processor ticks to nanoseconds: PERF_RECORD_TIME_CONV. */
export interface TickRate {
  readonly timeShift: bigint;
  readonly timeMult: bigint;
  readonly timeZero: bigint;
}

/** The clock of a dump's timestamps; unknown if it is not the recording's. */
export type DumpClock = "nanoseconds" | "ticks" | "unknown";

/** Maximum distance of a timestamp from a recording with the same clock: an hour. */
const NEAR = 3_600_000_000_000n;

const SECOND = 1_000_000_000n;

/** Converts ticks like perf's `tsc_to_perf_time`. */
export function ticksToTime(ticks: bigint, rate: TickRate): bigint {
  const { timeShift, timeMult, timeZero } = rate;
  // The kernel's shifts are below 64. A hostile shift must not create a huge number.
  const shift = timeShift & 63n;
  const quotient = ticks >> shift;
  const rest = ticks & (1n << shift) - 1n;
  const time = timeZero + quotient * timeMult + (rest * timeMult >> shift);
  return BigInt.asUintN(64, time);
}

/**
 * Returns the clock of a dump whose header declares processor ticks
 * (JITDUMP_FLAGS_ARCH_TIMESTAMP). Some writers set the flag by mistake and record nanoseconds,
 * which are then nearer to the recording than converted ticks.
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

/** The times of a dump that is in nanoseconds. */
export interface DumpTimes {
  /** The timestamp of the file's header. */
  readonly header: bigint;
  /** The timestamps of the first and the last function. */
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * Returns the nanoseconds by which the clock of a dump is ahead of the recording's, as in a
 * time namespace. A writer creates the file and maps it at once, so its header and the
 * mapping have about the same time. With the same clock, the header is never later than the
 * mapping. It can be earlier if the dump was opened again, but then some functions are later.
 *
 * @param mappedAt The time of the mapping; 0 if it existed before the recording.
 */
export function clockShift(
  { header, first, last }: DumpTimes,
  mappedAt: bigint,
): bigint {
  // V8 (Node 26) writes the time of day there, in microseconds.
  const isSameClock = header <= first && first - header <= NEAR;
  if (mappedAt === 0n || !isSameClock) return 0n;
  const shift = header - mappedAt;
  const isBehind = shift < -SECOND && last < mappedAt - SECOND;
  return shift > SECOND || isBehind ? shift : 0n;
}

function difference(a: bigint, b: bigint): bigint {
  return a > b ? a - b : b - a;
}
