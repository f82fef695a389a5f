/**
 * The speed of writing functions, compared with other writers, and losses in a crash.
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
import { median, type Report } from "./report.ts";
import type { Way } from "./write_functions.ts";

const ROUNDS = 5;

/** Bytes that each run writes: it takes a second, so that V8's start hardly counts. */
const VOLUME = 256 * 2 ** 20;

/** Number of functions that are written before a crash. */
const BEFORE_CRASH = 1000;

const NATIVE = fileURLToPath(new URL("native/", import.meta.url));

/** A program that writes functions. */
interface Writer {
  name: string;
  command: CommandLine;
  /** Whether it writes one file from several threads. */
  threads: boolean;
}

/** The number of threads, and the sizes of code and names. */
interface Load {
  threads: number;
  codeSize: number;
  nameSize: number;
}

const ORDINARY: Load = { threads: 1, codeSize: 256, nameSize: 33 };

const ours = (name: string, way: Way, sink: Sink, threads = false): Writer => ({
  name: `${name}, ${sink}`,
  command: [
    Deno.execPath(),
    "run",
    "--allow-all",
    new URL("write_functions.ts", import.meta.url).href,
    way,
    sink,
  ],
  threads,
});

/** Returns the writers that this machine can run; the first one is the reference. */
async function findWriters(directory: string): Promise<Writer[]> {
  const writers: Writer[] = [];
  const build = async (
    compiler: CommandLine,
    source: string,
    name: string,
    threads: boolean,
  ) => {
    if (!await isInstalled(compiler[0])) {
      console.log(`${name} is skipped: ${compiler[0]} is not installed`);
      return;
    }
    const program = `${directory}/${source.replace(/\..*/, "")}`;
    await runOrThrow([...compiler, "-o", program, NATIVE + source]);
    writers.push({ name, command: [program], threads });
  };
  await build(
    ["rustc", "-O"],
    "append.rs",
    "Rust, one write per function",
    true,
  );
  await build(["cc", "-O2"], "stdio.c", "C stdio", false);
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

function commandOf(
  { command }: Writer,
  directory: string,
  { threads, codeSize, nameSize }: Load,
  count: number,
): CommandLine {
  const numbers = [threads, count, codeSize, nameSize].map(String);
  return [...command, directory, ...numbers];
}

/** Runs all writers in turn, several times, and reports the medians. */
async function compare(
  report: Report,
  title: string,
  directory: string,
  writers: Writer[],
  load: Load,
): Promise<void> {
  const size = 57 + load.nameSize + load.codeSize;
  const count = Math.ceil(VOLUME / size / load.threads);
  const times = writers.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, writer] of writers.entries()) {
      const command = commandOf(writer, directory, load, count);
      times[i].push(Number((await runOrThrow(command)).stdout));
    }
  }
  report.section(`${title}: ns per function, and the ratio to the first`);
  const first = median(times[0]);
  writers.forEach(({ name }, i) => {
    const time = median(times[i]);
    report.row(`${(time / first).toFixed(2).padStart(6)}  ${name}`, time);
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
): Promise<void> {
  const writers = await findWriters(directory);
  const loads: [string, Load][] = [
    ["56 + 34 + 256 bytes", ORDINARY],
    ["code of 4 KiB", { ...ORDINARY, codeSize: 4096 }],
    ["code of 64 KiB", { ...ORDINARY, codeSize: 65536 }],
    ["names of 8 bytes", { ...ORDINARY, nameSize: 8 }],
    ["names of 200 bytes", { ...ORDINARY, nameSize: 200 }],
  ];
  for (const [title, load] of loads) {
    await compare(report, title, directory, writers, load);
  }
  const parallel = writers.filter(({ threads }) => threads);
  const load = { ...ORDINARY, threads: 8 };
  await compare(report, "8 threads, one file", directory, parallel, load);
  await crash(report, directory, writers);
}
