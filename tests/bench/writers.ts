/**
 * How fast functions are written, beside the ways of other writers.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { type CommandLine, isInstalled, runOrThrow } from "../perf.ts";
import { median, type Report } from "./report.ts";

const ROUNDS = 5;

/** The bytes that each run writes, so that none takes long. */
const VOLUME = 64 * 2 ** 20;

const NATIVE = fileURLToPath(new URL("native/", import.meta.url));

/** A way to write functions, and what it loses when the process dies. */
interface Way {
  name: string;
  loss: string;
  command: CommandLine;
  /** Whether it writes from several threads. */
  threads: boolean;
}

const script = (way: string): CommandLine => [
  Deno.execPath(),
  "run",
  "--allow-all",
  new URL("write_functions.ts", import.meta.url).href,
  way,
];

/** The ways that this machine can show. */
async function findWays(directory: string): Promise<Way[]> {
  const ways: Way[] = [];
  const build = async (
    compiler: CommandLine,
    source: string,
    way: Omit<Way, "command">,
  ) => {
    if (!await isInstalled(compiler[0])) return;
    const program = `${directory}/${source.replace(/\..*/, "")}`;
    await runOrThrow([...compiler, "-o", program, NATIVE + source]);
    ways.push({ ...way, command: [program] });
  };
  await build(["rustc", "-O"], "append.rs", {
    name: "Rust, one write for each",
    loss: "nothing",
    threads: true,
  });
  await build(["cc", "-O2"], "stdio.c", {
    name: "C stdio",
    loss: "what is buffered",
    threads: false,
  });
  ways.push(
    {
      name: "dumpFunction()",
      loss: "nothing",
      command: script("append"),
      threads: true,
    },
    {
      name: "dumpFunction() with three lines",
      loss: "nothing",
      command: script("lines"),
      threads: false,
    },
    {
      name: "dumpFunctions()",
      loss: "nothing of calls that have returned",
      command: script("dumpFunctions"),
      threads: true,
    },
  );
  return ways;
}

/** Runs all ways in turn, several times, and reports the medians. */
async function compare(
  report: Report,
  title: string,
  directory: string,
  ways: Way[],
  [threads, codeSize, nameSize]: [number, number, number],
): Promise<void> {
  const count = Math.ceil(VOLUME / (57 + nameSize + codeSize) / threads);
  const times = ways.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, { command }] of ways.entries()) {
      const numbers = [threads, count, codeSize, nameSize].map(String);
      const { stdout } = await runOrThrow([...command, directory, ...numbers]);
      times[i].push(Number(stdout));
    }
  }
  report.section(`${title}: ns for each, ratio to the first, lost by a crash`);
  const first = median(times[0]);
  ways.forEach(({ name, loss }, i) => {
    const time = median(times[i]);
    const ratio = (time / first).toFixed(2);
    report.row(`${ratio.padStart(6)}  ${name}; ${loss}`, time);
  });
}

export async function benchWriters(
  report: Report,
  directory: string,
): Promise<void> {
  const ways = await findWays(directory);
  const cases: [string, [number, number, number]][] = [
    ["56 + 34 + 256 bytes", [1, 256, 33]],
    ["code of 4 KiB", [1, 4096, 33]],
    ["code of 64 KiB", [1, 65536, 33]],
    ["names of 8 bytes", [1, 256, 8]],
    ["names of 200 bytes", [1, 256, 200]],
  ];
  for (const [title, sizes] of cases) {
    await compare(report, title, directory, ways, sizes);
  }
  const parallel = ways.filter(({ threads }) => threads);
  await compare(report, "8 threads, one file", directory, parallel, [
    8,
    256,
    33,
  ]);
}
