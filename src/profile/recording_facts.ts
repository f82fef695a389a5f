/**
 * Facts about a recording: its command, machine and time.
 *
 * @module
 */

import type { PerfDataReader } from "../perf_data/perf_data_reader.ts";

/** Facts about a recording; those that are not recorded are undefined. */
export interface RecordingFacts {
  /** The recording command, with its arguments. */
  readonly command: readonly string[] | undefined;
  /** The recorded machine. */
  readonly host: string | undefined;
  readonly os: string | undefined;
  readonly arch: string | undefined;
  readonly cpu: string | undefined;
  /** Milliseconds since 1970 at the recording's earliest record. */
  readonly startDate: number | undefined;
}

/** Returns the facts of a recording that has been read to its end. */
export function factsOf(
  { features, startTime }: PerfDataReader,
): RecordingFacts {
  const { commandLine, hostname, osRelease, arch, cpuDescription, clockData } =
    features;
  const startDate = clockData && startTime !== undefined
    ? Number(clockData.wallClock + startTime - clockData.clock) / 1e6
    : undefined;
  return {
    command: commandLine,
    host: hostname,
    os: osRelease,
    arch,
    cpu: cpuDescription,
    startDate,
  };
}
