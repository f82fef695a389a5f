/**
 * Measurements of writing functions, compared with other writers, and of losses in a crash.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import type { Sink } from "../../mod.ts";
import { JitDumpReader } from "../../src/reader/mod.ts";
import {
  type CommandLine,
  isInstalled,
  run,
  runOrThrow,
} from "../support/perf.ts";
import type { Report } from "./report.ts";
import type { Method } from "./write_functions.ts";

const ROUNDS = 11;

/** Bytes that each run writes. */
const VOLUME = 128 * 2 ** 20;

/** Number of functions that are written before a crash. */
const BEFORE_CRASH = 1000;

const NATIVE = fileURLToPath(new URL("native/", import.meta.url));

const ORIGINAL = "wasmtime's JitDumpFile in Rust";

/** A program that writes functions. */
export interface Writer {
  name: string;
  command: CommandLine;
  /** Indicates whether several threads can write one file. */
  threads: boolean;
}

/** The number of threads, and the sizes of code and names. */
export interface Load {
  threads: number;
  codeSize: number;
  nameSize: number;
}

export const ORDINARY: Load = { threads: 1, codeSize: 256, nameSize: 33 };

const ours = (
  name: string,
  method: Method,
  sink: Sink,
  threads = false,
): Writer => ({
  name: `${name}, ${sink}`,
  command: [
    Deno.execPath(),
    "run",
    "--allow-all",
    new URL("write_functions.ts", import.meta.url).href,
    method,
    sink,
  ],
  threads,
});

/** Builds the original in `directory`; returns the reason if that is impossible. */
async function buildOriginal(directory: string): Promise<string | undefined> {
  if (!await isInstalled("cargo")) return "cargo is not installed";
  const root = `${directory}/original`;
  await Deno.mkdir(`${root}/src`, { recursive: true });
  await Deno.copyFile(`${NATIVE}original/Cargo.toml`, `${root}/Cargo.toml`);
  await Deno.copyFile(`${NATIVE}original/main.rs`, `${root}/src/main.rs`);
  const { success, stderr } = await run(
    ["cargo", "build", "--release", "--quiet"],
    { cwd: root },
  );
  return success ? undefined : `cargo build failed\n${stderr}`;
}

/** Returns the writers that this machine can run; the first one is the reference. */
export async function findWriters(directory: string): Promise<Writer[]> {
  const writers: Writer[] = [];
  const reason = await buildOriginal(directory);
  if (reason === undefined) {
    const program = `${directory}/original/target/release/original`;
    writers.push({ name: ORIGINAL, command: [program], threads: true });
  } else console.log(`${ORIGINAL} is skipped: ${reason}`);
  const cPrograms: [file: string, name: string, threads: boolean][] = [
    ["stdio", "C stdio", false],
    ["append", "C, write(2) to one file", true],
    ["mapped", "C, prepared pages of a shared mapping", false],
  ];
  const hasC = await isInstalled("cc");
  for (const [file, name, threads] of cPrograms) {
    if (!hasC) {
      console.log(`${name} is skipped: cc is not installed`);
      continue;
    }
    const program = `${directory}/${file}`;
    await runOrThrow(
      ["cc", "-O2", "-pthread", "-o", program, `${NATIVE}${file}.c`],
    );
    writers.push({ name, command: [program], threads });
  }
  writers.push(
    ours("dumpFunction()", "dumpFunction", "append", true),
    ours("dumpFunction() with three lines", "lines", "append"),
    ours("dumpFunctions()", "dumpFunctions", "append", true),
    ours("dumpFunction()", "dumpFunction", "mapped"),
    ours("dumpFunction() with three lines", "lines", "mapped"),
    ours("dumpFunctions()", "dumpFunctions", "mapped"),
  );
  return writers;
}

export function commandOf(
  { command }: Writer,
  directory: string,
  { threads, codeSize, nameSize }: Load,
  count: number,
): CommandLine {
  const numbers = [threads, count, codeSize, nameSize].map(String);
  return [...command, directory, ...numbers];
}

/** Times of one run in nanoseconds: opening, then those of one function. */
interface Times {
  opening: number;
  wall: number;
  user: number;
  system: number;
}

export async function measure(command: CommandLine): Promise<Times> {
  const { stdout } = await runOrThrow(command);
  const [opening, wall, user, system] = stdout.split(" ").map(Number);
  return { opening, wall, user, system };
}

/**
 * Runs all writers in turn, several times. The machine may be shared, so each run is
 * compared with the first writer's of the same round.
 */
async function compare(
  report: Report,
  title: string,
  directory: string,
  writers: Writer[],
  load: Load,
): Promise<void> {
  const size = 57 + load.nameSize + load.codeSize;
  const count = Math.ceil(VOLUME / size / load.threads);
  const runs = writers.map((): Times[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, writer] of writers.entries()) {
      runs[i].push(await measure(commandOf(writer, directory, load, count)));
    }
  }
  const columns = ["wall, ratio", "CPU, ratio", "user, ns", "system, ns"];
  report.ratioTable(`${title}, ratios to ${writers[0].name}`, columns);
  const cpu = ({ user, system }: Times) => user + system;
  writers.forEach(({ name }, i) => {
    report.ratios(name, [
      runs[i].map(({ wall }, round) => wall / runs[0][round].wall),
      runs[i].map((times, round) => cpu(times) / cpu(runs[0][round])),
      runs[i].map(({ user }) => user),
      runs[i].map(({ system }) => system),
    ]);
  });
}

/** Crashes each writer after its last function, and counts the functions in the dump. */
async function crash(
  report: Report,
  directory: string,
  writers: Writer[],
): Promise<void> {
  report.section(
    `a crash after ${BEFORE_CRASH} functions: number of lost functions`,
  );
  for (const writer of writers) {
    const subdirectory = await Deno.makeTempDir({ dir: directory });
    const command = commandOf(writer, subdirectory, ORDINARY, BEFORE_CRASH);
    await run([...command, "crash"]);
    const [{ name }] = Deno.readDirSync(subdirectory);
    const dump = new JitDumpReader(
      Deno.readFileSync(`${subdirectory}/${name}`),
    );
    // Functions with lines have two records.
    const found = Array.from(dump).filter(({ id }) => id === 0).length;
    report.row(writer.name, BEFORE_CRASH - found);
  }
}

export async function benchWriters(
  report: Report,
  directory: string,
  writers: Writer[],
): Promise<void> {
  const loads: [string, Load][] = [
    ["56 + 34 + 256 bytes", ORDINARY],
    ["code of 4 KiB", { ...ORDINARY, codeSize: 4096 }],
    ["code of 64 KiB", { ...ORDINARY, codeSize: 65_536 }],
    ["names of 8 bytes", { ...ORDINARY, nameSize: 8 }],
    ["names of 200 bytes", { ...ORDINARY, nameSize: 200 }],
  ];
  for (const [title, load] of loads) {
    await compare(report, title, directory, writers, load);
  }
  const parallel = writers.filter(({ threads }) => threads);
  const load = { ...ORDINARY, threads: 8 };
  await compare(report, "8 threads", directory, parallel, load);
  await crash(report, directory, writers);
}
