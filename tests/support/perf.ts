/**
 * Commands of perf for the demo and the tests.
 *
 * @module
 */

/**
 * An event that every Linux has, even without hardware counters. Samples of the kernel
 * would make perf read all of the kernel's symbols, which takes longer than anything else.
 */
const EVENT = "cpu-clock:u";

/** A program and its arguments. */
export type CommandLine = [string, ...string[]];

/** The outcome of a command. */
export interface Outcome {
  success: boolean;
  /** The exit status. */
  code: number;
  /** The signal that ended the command. */
  signal: Deno.Signal | null;
  stdout: string;
  stderr: string;
}

/** Time in milliseconds after which a command hangs, even on a busy machine. */
export const TIME_LIMIT = 30 * 60 * 1000;

/**
 * Environment variables that affect what programs do and print, with fixed values. An
 * empty variable counts as unset.
 */
export const ENVIRONMENT = {
  NO_COLOR: "1",
  FORCE_COLOR: "",
  COLUMNS: "",
  LC_ALL: "C.UTF-8",
  PERF_CONFIG: "/dev/null",
  JITDUMPDIR: "",
  DENO_NO_UPDATE_CHECK: "1",
};

/** Runs a command. Throws if it exceeds the time limit. */
export async function run(
  [program, ...args]: CommandLine,
  options: Pick<Deno.CommandOptions, "env" | "cwd"> = {},
): Promise<Outcome> {
  const process = new Deno.Command(program, {
    args,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...options,
    env: { ...ENVIRONMENT, ...options.env },
  }).spawn();
  let isTooSlow = false;
  const timer = setTimeout(() => {
    isTooSlow = true;
    process.kill("SIGKILL");
  }, TIME_LIMIT);
  const { success, code, signal, stdout, stderr } = await process.output();
  clearTimeout(timer);
  const decoder = new TextDecoder();
  const outcome = {
    success,
    code,
    signal,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
  if (!isTooSlow) return outcome;
  throw new Error(
    `${program} ${
      args.join(" ")
    }\nexceeded the time limit\n${outcome.stdout}${outcome.stderr}`,
  );
}

/** Runs a command. Throws its output if it fails. */
export async function runOrThrow(
  command: CommandLine,
  options?: Parameters<typeof run>[1],
): Promise<Outcome> {
  const outcome = await run(command, options);
  if (outcome.success) return outcome;
  throw new Error(
    `${command.join(" ")}\n${outcome.stdout}${outcome.stderr}`.trimEnd(),
  );
}

/** Indicates whether a program can be run with `--version`. */
export async function isInstalled(program: string): Promise<boolean> {
  try {
    await run([program, "--version"]);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/**
 * `perf record` of a command, with the clock that a jitdump needs. The thread in which
 * perf waits for BPF programs would end up to a second after the command (perf 6.1 to 7.2).
 */
export function recordCommand(
  data: string,
  command: CommandLine,
  ...options: string[]
): CommandLine {
  return [
    "perf",
    "record",
    ...["-k", "mono"],
    ...["-e", EVENT],
    ...["-o", data],
    "--no-buildid-cache",
    "--no-bpf-event",
    ...options,
    "--",
    ...command,
  ];
}

/** Returns the same command for another perf. */
export const by = (
  program: string,
  [, ...args]: CommandLine,
): CommandLine => [program, ...args];

/**
 * `perf inject`: writes an ELF file for each function to the directory of the dump. Its
 * cache, which would otherwise outlive the recording, is in the same directory.
 */
export function injectCommand(data: string, injected: string): CommandLine {
  return [
    "perf",
    ...["--buildid-dir", `${injected}.buildids`],
    "inject",
    "--jit",
    ...["-i", data],
    ...["-o", injected],
  ];
}

/** `perf report` with the given fields, as text. */
export function reportCommand(
  injected: string,
  fields: string,
  ...options: string[]
): CommandLine {
  return [
    "perf",
    "report",
    ...["-i", injected],
    "--stdio",
    ...["-F", fields],
    ...options,
  ];
}

/** `perf annotate`: a function's instructions with their shares and source lines. */
export function annotateCommand(
  injected: string,
  symbol: string,
): CommandLine {
  return ["perf", "annotate", "-i", injected, "--stdio", "-s", symbol];
}

/** Returns the first meaningful line of an error of perf, which begins with "Error:". */
const summarize = (complaint: string) =>
  complaint.split("\n").map((line) => line.trim())
    .filter((line) => line && line !== "Error:")[0];

/** Returns why perf cannot record, with a remedy; returns undefined if it can. */
export async function whyPerfCannotRecord(): Promise<string | undefined> {
  try {
    const { success, stderr } = await run(recordCommand("/dev/null", ["true"]));
    if (success) return undefined;
    return `perf may not record ("${summarize(stderr)}"): set the limit with ` +
      "`sysctl kernel.perf_event_paranoid=1`, or be root, and in a container " +
      "allow the system call perf_event_open";
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return "perf is not installed: install the package linux-perf (Debian), " +
      "linux-tools-generic (Ubuntu) or perf (Fedora, Arch, openSUSE)";
  }
}
