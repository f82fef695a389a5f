/**
 * Writing to a full file system.
 *
 * @module
 */

import type { Sink } from "../../mod.ts";
import { parseDump, parseLoad } from "../support/parse_dump.ts";
import { type CommandLine, run, runOrThrow } from "../support/perf.ts";
import type { KillCounts } from "./kills.ts";
import { diskFunction, type Sizes, type WriterOutcome } from "./disk_filler.ts";

/** Sinks, each with a number of writers. */
export const DISK_WRITERS: [Sink, number][] = [
  ["append", 1],
  ["append", 4],
  ["mapped", 1],
];

/** The contents of the dump, and the failed calls. */
export interface FullDiskCounts {
  functions: number;
  /** Calls that failed with ENOSPC. */
  failures: number;
  /** Partial records that have become records to skip. */
  skipped: number;
  /** Functions whose record includes the partial record before it. */
  widened: number;
}

/** Creates a mount namespace, in which a user may mount a file system. */
const NAMESPACE: CommandLine = ["unshare", "--map-root-user", "--mount"];

/** Returns why no file system can be mounted; returns undefined if one can. */
export async function whyNotMount(): Promise<string | undefined> {
  const mount: CommandLine = [
    ...NAMESPACE,
    "mount",
    "-t",
    "tmpfs",
    "x",
    "/mnt",
  ];
  try {
    const { success, stderr } = await run(mount);
    return success ? undefined : stderr.trim();
  } catch (error) {
    return (error as Error).message;
  }
}

/** Runs a command with a tmpfs mounted at `directory` with `options`. */
export function runOnTmpfs(
  directory: string,
  options: string,
  command: CommandLine,
): ReturnType<typeof run> {
  return runOrThrow([
    ...NAMESPACE,
    "sh",
    "-ec",
    `mount -t tmpfs -o ${options} none ${directory}; exec "$@"`,
    "sh",
    ...command,
  ]);
}

const PROGRAM = new URL("disk_filler.ts", import.meta.url).href;

/**
 * Runs `writers` threads that fill a file system of 1 MiB, on which space is freed
 * `rounds` times. Checks that the dump is complete and has exactly the functions whose
 * calls have returned.
 */
export async function fillDisk(
  directory: string,
  writers: number,
  rounds: number,
  sizes: Sizes,
  sink: Sink,
): Promise<FullDiskCounts> {
  const mountPoint = `${directory}/mount`;
  const copy = `${directory}/copy.dump`;
  await Deno.mkdir(mountPoint);
  const { stdout } = await runOnTmpfs(mountPoint, "size=1m", [
    Deno.execPath(),
    "run",
    "--no-config",
    "--allow-all",
    PROGRAM,
    mountPoint,
    String(writers),
    String(rounds),
    sizes,
    sink,
    copy,
  ]);
  return check(copy, JSON.parse(stdout), sizes);
}

/** Kills programs that write to a full file system of 1 MiB. */
export async function killOnFullDisk(
  directory: string,
  kills: number,
  sink: Sink,
): Promise<KillCounts> {
  const mountPoint = `${directory}/mount`;
  await Deno.mkdir(mountPoint);
  const { stdout } = await runOnTmpfs(mountPoint, "size=1m", [
    Deno.execPath(),
    "run",
    "--no-config",
    "--allow-all",
    new URL("kills.ts", import.meta.url).href,
    mountPoint,
    directory,
    String(kills),
    sink,
  ]);
  return JSON.parse(stdout);
}

function check(
  path: string,
  outcomes: WriterOutcome[],
  sizes: Sizes,
): FullDiskCounts {
  const { records } = parseDump(Deno.readFileSync(path));
  const loads = records.filter(({ id }) => id === 0).map(parseLoad);
  const names = outcomes.flatMap(({ written }, writer) =>
    written.map((index) => `w${writer} f${index}`)
  );
  const found = loads.map(({ name }) => name.trimEnd());
  if (found.toSorted().join() !== names.toSorted().join()) {
    throw new Error(
      `${names.length} calls returned, ${found.length} functions are in the dump`,
    );
  }
  for (const { name, code } of loads) {
    const [writer, index] = name.match(/\d+/g)!.map(Number);
    const expected = diskFunction(writer, index, sizes).code;
    if (
      code.length !== expected.length ||
      !code.every((byte) => byte === expected[0])
    ) throw new Error(`${name} differs from what was written`);
  }
  const failures = outcomes.flatMap(({ failures }) => Object.entries(failures));
  const others = failures.filter(([code]) => code !== "ENOSPC");
  if (others.length > 0) throw new Error(`other failures: ${others}`);
  return {
    functions: loads.length,
    failures: failures.reduce((sum, [, count]) => sum + count, 0),
    skipped: records.length - loads.length,
    widened: loads.filter(({ name }) => name.endsWith(" ")).length,
  };
}
