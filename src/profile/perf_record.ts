/**
 * The commands of `perf record`.
 *
 * @module
 */

/** Method by which perf records call chains. */
export type CallGraph = "fp" | "dwarf" | "none";

/** All methods. */
export const CALL_GRAPHS: readonly CallGraph[] = ["fp", "dwarf", "none"];

/** Options of a recording. */
export interface Recording {
  /** Path of the perf.data. */
  readonly data: string;
  readonly event: string;
  readonly callGraph: CallGraph;
  /** Samples per second. Defaults to that of perf. */
  readonly frequency?: number;
  /** A command, or the id of a running process. */
  readonly target: readonly string[] | number;
}

/** CPU cycles, if the processor has a counter. */
const CYCLES = "cycles";

/** A timer, which every Linux has. */
const CPU_CLOCK = "cpu-clock";

/** The error if perf is not installed. */
export const NO_PERF =
  "perf is not installed; install it (Debian: linux-perf, Ubuntu: linux-tools-generic, Fedora: perf)";

/** A failure that perf reports. */
export class PerfFailure extends Error {}

/** Returns the arguments of perf for a recording. */
export function recordArguments(recording: Recording): string[] {
  const { data, event, callGraph, frequency, target } = recording;
  return [
    "record",
    // Otherwise perf copies all programs and libraries to ~/.debug.
    "--no-buildid-cache",
    // The clock of dumps.
    ...["-k", "mono"],
    ...["-e", event],
    ...(callGraph === "none" ? [] : ["--call-graph", callGraph]),
    ...(frequency === undefined ? [] : ["-F", String(frequency)]),
    ...["-o", data],
    ...(typeof target === "number"
      ? ["-p", String(target)]
      : ["--", ...target]),
  ];
}

/** Runs perf, and returns its output. */
async function runPerf(args: string[]): Promise<Deno.CommandOutput> {
  try {
    return await new Deno.Command("perf", { args, stdin: "null" }).output();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new PerfFailure(NO_PERF);
  }
}

/** Returns the version of perf. */
export async function perfVersion(): Promise<string> {
  const { stdout } = await runPerf(["--version"]);
  return new TextDecoder().decode(stdout).trim().replace(/^perf version /, "");
}

/** Tries to record an event; returns perf's error if it fails. */
async function whyNot(event: string): Promise<string | undefined> {
  const { success, stderr } = await runPerf([
    "record",
    ...["-q", "-k", "mono", "-e", event, "-o", "/dev/null"],
    ...["--", "perf", "--version"],
  ]);
  return success ? undefined : new TextDecoder().decode(stderr).trim();
}

/**
 * Returns the best event that can be recorded.
 *
 * @throws {PerfFailure} If no event can be recorded, or perf is not installed.
 */
export async function findEvent(): Promise<string> {
  if (await whyNot(CYCLES) === undefined) return CYCLES;
  const complaint = await whyNot(CPU_CLOCK);
  if (complaint === undefined) return CPU_CLOCK;
  const [line] = complaint.split("\n").filter((line) =>
    line.trim() !== "" && line !== "Error:"
  );
  throw new PerfFailure(
    `perf may not record: ${line}. Lower the limit: sysctl kernel.perf_event_paranoid=1, or run as root`,
  );
}
