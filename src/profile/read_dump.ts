/**
 * Reading of a recording's dumps.
 *
 * @module
 */

import { CodeHistory } from "../reader/code_history.ts";
import { CodeLoad, CodeMove } from "../reader/dump_record.ts";
import { FunctionBuilder } from "../reader/dumped_function.ts";
import { LineCorrections } from "../reader/line_corrections.ts";
import { CorruptRange, RecoveringReader } from "../reader/recovering_reader.ts";
import type { Tail } from "../reader/record_scanner.ts";
import {
  clockOfFlagged,
  clockShift,
  type DumpClock,
  type TickRate,
  ticksToTime,
} from "./dump_clock.ts";
import type { Hint } from "./hint.ts";

/** Flag of the header: timestamps are ticks of the processor. */
const ARCH_TIMESTAMP = 1n;

/** The clock of a recording. */
export interface RecordingClock {
  /** The time of its earliest record. */
  readonly startTime: bigint;
  readonly tickRate: TickRate | undefined;
  /** True if it is CLOCK_MONOTONIC, the clock of dumps. */
  readonly isMonotonic: boolean;
}

/** The process that has mapped a dump. */
export interface DumpUser {
  /** The time of the mapping; 0 if it existed before the recording. */
  readonly mappedAt: bigint;
  /** Nanoseconds by which the process's clock is known to be ahead of the recording's. */
  readonly clockOffset: bigint;
}

/** The functions of a dump, and descriptions of missing data. */
export interface ReadDump {
  /** The functions of each process that the records name; never empty. */
  readonly histories: ReadonlyMap<number, CodeHistory>;
  /** The process that created the dump. */
  readonly pid: number;
  readonly clock: DumpClock;
  /** True if the header declares timestamps in processor ticks. */
  readonly isFlagged: boolean;
  /** True if any function has unwind info. */
  readonly hasUnwinding: boolean;
  /** Hints on missing data. */
  readonly hints: readonly Hint[];
}

/**
 * Reads a whole dump, because the correction of lines depends on all functions.
 *
 * @throws {Error} If it cannot be opened, or does not begin with the header of a dump.
 */
export function readDump(
  path: string,
  recording: RecordingClock = {
    startTime: 0n,
    tickRate: undefined,
    isMonotonic: true,
  },
  user: DumpUser = { mappedAt: 0n, clockOffset: 0n },
): ReadDump {
  const { startTime, tickRate, isMonotonic } = recording;
  const ranges: CorruptRange[] = [];
  using dump = RecoveringReader.open(path);
  const isFlagged = (dump.header.flags & ARCH_TIMESTAMP) !== 0n;
  const declared = isFlagged
    ? clockOfFlagged(firstTime(path) ?? startTime, startTime, tickRate)
    : "nanoseconds";
  const clock = declared === "nanoseconds" && !isMonotonic
    ? "unknown"
    : declared;
  let shift = 0n;
  const toTime = clock === "ticks" && tickRate !== undefined
    ? (time: bigint) => ticksToTime(time, tickRate)
    : (time: bigint) => time - shift;
  const builder = new FunctionBuilder();
  const histories = new Map<number, CodeHistory>();
  const corrections = new LineCorrections(dump.header);
  const historyOf = (pid: number) => {
    let history = histories.get(pid);
    if (!history) {
      history = new CodeHistory(corrections, toTime);
      histories.set(pid, history);
    }
    return history;
  };
  let hasUnwinding = false;
  for (const item of dump) {
    if (item instanceof CorruptRange) {
      ranges.push(item);
      continue;
    }
    const fn = builder.add(item);
    if (fn) {
      historyOf(fn.pid).add(fn);
      if (fn.unwindingSize > 0) hasUnwinding = true;
    } else if (item instanceof CodeMove) historyOf(item.pid).move(item);
  }
  const { pid, timestamp } = dump.header;
  if (histories.size === 0) historyOf(pid);
  const times = timesOf(histories.values());
  if (clock === "nanoseconds" && times) {
    shift = user.clockOffset ||
      clockShift({ header: timestamp, ...times }, user.mappedAt);
  }
  const hints = [
    ...describeShift(path, shift),
    ...describeClock(path, isFlagged, declared, clock),
    ...describeRanges(path, ranges),
    ...describeTail(path, dump.tail),
  ];
  return { histories, pid, clock, isFlagged, hasUnwinding, hints };
}

/** Returns the first and the last time of all histories; undefined if there is none. */
function timesOf(
  histories: Iterable<CodeHistory>,
): { first: bigint; last: bigint } | undefined {
  let times: { first: bigint; last: bigint } | undefined;
  for (const { times: own } of histories) {
    if (own === undefined) continue;
    times = {
      first: times && times.first < own.first ? times.first : own.first,
      last: times && times.last > own.last ? times.last : own.last,
    };
  }
  return times;
}

/** Returns the time of the first function; undefined if there is none. */
export function firstTime(path: string): bigint | undefined {
  using dump = RecoveringReader.open(path);
  for (const item of dump) {
    if (item instanceof CodeLoad) return item.timestamp;
  }
  return undefined;
}

function describeClock(
  path: string,
  isFlagged: boolean,
  declared: DumpClock,
  clock: DumpClock,
): Hint[] {
  if (clock !== declared) {
    return [{
      text:
        `the recording has another clock than the dump ${path} (CLOCK_MONOTONIC), so functions that share an address with others have no names`,
      remedy: "record again with perf record -k mono",
    }];
  }
  if (!isFlagged || clock === "ticks") return [];
  if (clock === "nanoseconds") {
    return [{
      text:
        `the header of the dump ${path} declares timestamps in processor ticks, but they are nanoseconds, and are read as such`,
      remedy: "let the writer clear bit 0 of the header's flags",
    }];
  }
  return [{
    text:
      `the timestamps of the dump ${path} are processor ticks, and the recording has no conversion to nanoseconds`,
    remedy:
      "record with a perf that writes PERF_RECORD_TIME_CONV (x86 and Arm), or let the writer use CLOCK_MONOTONIC",
  }];
}

function describeShift(path: string, shift: bigint): Hint[] {
  if (shift === 0n) return [];
  const seconds = Number(shift < 0n ? -shift : shift) / 1e9;
  const direction = shift < 0n ? "behind" : "ahead of";
  return [{
    text: `the clock of the dump ${path} is ${
      seconds.toFixed(0)
    } s ${direction} the recording's, as in a time namespace, and its times are corrected`,
    remedy: "if functions are missing, let the writer use CLOCK_MONOTONIC",
  }];
}

function describeRanges(path: string, ranges: readonly CorruptRange[]): Hint[] {
  if (ranges.length === 0) return [];
  const [{ problem }] = ranges;
  const where = ranges.length === 1
    ? "is corrupt in one range"
    : `is corrupt in ${ranges.length} ranges, the first of them`;
  const rest = ranges[ranges.length - 1].end === undefined
    ? "all records after the last range are missing"
    : "functions there may be missing";
  return [{
    text: `the dump ${path} ${where} (${problem}); ${rest}`,
    remedy: `run jitdump check ${path}`,
  }];
}

function describeTail(path: string, tail: Tail | undefined): Hint[] {
  if (tail?.kind !== "cut") return [];
  return [{
    text:
      `the dump ${path} ends within the record at byte ${tail.offset}; functions that were recorded later are missing`,
    remedy:
      "the program was killed or its disk was full: let the program close its dump, and record again",
  }];
}
