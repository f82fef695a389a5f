/**
 * Running `perf record`.
 *
 * @module
 */

/** How perf finds out who called whom. */
export type CallGraph = "fp" | "dwarf" | "none";

/** All there are. */
export const CALL_GRAPHS: readonly CallGraph[] = ["fp", "dwarf", "none"];

/** What to record, and how. */
export interface Recording {
  /** Where the perf.data goes. */
  readonly data: string;
  readonly event: string;
  readonly callGraph: CallGraph;
  /** How often a second to look; perf's own choice where it is left out. */
  readonly frequency?: number;
  /** A command, or the id of a process that runs already. */
  readonly target: readonly string[] | number;
}

/** Counts cycles of the processor, where it has a counter. */
const CYCLES = "cycles";

/** A timer, which every Linux has. */
const CPU_CLOCK = "cpu-clock";

/** What to say where perf is not there. */
export const NO_PERF =
  "there is no perf: install it (Debian: linux-perf, Ubuntu: linux-tools-generic, Fedora: perf)";

/** What perf says where something is not allowed or not there. */
export class PerfFailure extends Error {}

/** The arguments of perf for a recording. */
export function recordArguments(recording: Recording): string[] {
  const { data, event, callGraph, frequency, target } = recording;
  return [
    "record",
    // Copies of all programs and libraries would stay in ~/.debug.
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

/** Runs perf for what it prints. */
async function runPerf(args: string[]): Promise<Deno.CommandOutput> {
  try {
    return await new Deno.Command("perf", { args, stdin: "null" }).output();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new PerfFailure(NO_PERF);
  }
}

/** perf's version. */
export async function perfVersion(): Promise<string> {
  const { stdout } = await runPerf(["--version"]);
  return new TextDecoder().decode(stdout).trim().replace(/^perf version /, "");
}

/** Whether perf records an event here; where not, what it says. */
async function whyNot(event: string): Promise<string | undefined> {
  const { success, stderr } = await runPerf([
    "record",
    ...["-q", "-k", "mono", "-e", event, "-o", "/dev/null"],
    ...["--", "perf", "--version"],
  ]);
  return success ? undefined : new TextDecoder().decode(stderr).trim();
}

/**
 * The best event that can be recorded here.
 *
 * @throws {PerfFailure} If there is none, or no perf.
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
