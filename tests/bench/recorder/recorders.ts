/**
 * The recorders that are compared: `jitdump record` and `perf record`.
 *
 * @module
 */

import { jitdumpCommand } from "../../support/jitdump.ts";
import { type CommandLine, runOrThrow } from "../../support/perf.ts";

/** Samples per second. */
export const FREQUENCY = 4000;

const jitdump = (...args: string[]) => jitdumpCommand(["--allow-all"], ...args);

/** A recorder of commands. */
export interface RecorderUnderTest {
  readonly name: string;
  /** Returns the command that records another one into a directory. */
  record(directory: string, event: string, command: CommandLine): CommandLine;
}

/** `jitdump record`. */
export const OURS: RecorderUnderTest = {
  name: "jitdump record",
  record: (directory, event, command) => [
    ...jitdump("record", "--out", directory, "--event", event),
    ...["--frequency", `${FREQUENCY}`, "--call-graph", "fp", "--"],
    ...command,
  ],
};

/** `perf record`. */
export const PERF: RecorderUnderTest = {
  name: "perf record",
  record: (directory, event, command) => [
    ...["perf", "record", "-o", `${directory}/perf.data`, "-e", event] as const,
    ...["-k", "mono", "-F", `${FREQUENCY}`, "--call-graph", "fp"],
    ...["--no-buildid-cache", "--no-bpf-event", "--"],
    ...command,
  ],
};

/** The report of a recording by `jitdump report`. */
export interface Recording {
  readonly samples: number;
  readonly lost: number;
  /** Self share of each function in percent, by its name. */
  readonly shares: ReadonlyMap<string, number>;
}

/** Reads the recording in a directory. */
export async function readRecording(directory: string): Promise<Recording> {
  const { stdout } = await runOrThrow(jitdump("report", "--json", directory));
  const { samples, lost, weight, functions } = JSON.parse(stdout);
  const shares = new Map<string, number>();
  for (const { name, self } of functions) {
    shares.set(name, (shares.get(name) ?? 0) + 100 * self / weight);
  }
  return { samples, lost, shares };
}
