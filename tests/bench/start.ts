/**
 * Measurements of importing the module and of opening a dump.
 *
 * @module
 */

import { type CommandLine, runOrThrow } from "../support/perf.ts";
import { median, type Report } from "./report.ts";

const ROUNDS = 41;

const MOD = new URL("../../mod.ts", import.meta.url).href;

/** Programs; each does more than the previous one. */
const PROGRAMS: [string, (directory: string) => string][] = [
  ["an empty program", () => ""],
  ["with the import", () => `import { JitDumpFile } from "${MOD}";`],
  ...(["append", "mapped"] as const).map((
    sink,
  ): [string, (directory: string) => string] => [
    `with an open dump, ${sink}`,
    (directory) =>
      `import { JitDumpFile } from "${MOD}";
       new JitDumpFile("${directory}/${sink}.dump", undefined, { sink: "${sink}" });`,
  ]),
  [
    "with a million functions, append",
    (directory) =>
      `import { JitDumpFile } from "${MOD}";
       const dump = new JitDumpFile("${directory}/many.dump");
       const fn = { name: "f".repeat(33), code: new Uint8Array(256) };
       for (let i = 0; i < 1_000_000; i++) dump.dumpFunction(fn);`,
  ],
];

/** Source code that prints the peak memory and the CPU time of its program. */
const COSTS = `
  const { user, system } = process.cpuUsage();
  const status = Deno.readTextFileSync("/proc/self/status");
  const peak = Number(status.match(/VmHWM:\\s+(\\d+)/)[1]) / 1024;
  console.log(peak, (user + system) / 1000);`;

/**
 * Runs the programs in turn, and reports how much longer each takes than the empty program
 * of the same round, and its memory.
 */
export async function benchStart(
  report: Report,
  directory: string,
): Promise<void> {
  const commands = PROGRAMS.map(([, source], i): CommandLine => {
    const file = `${directory}/start-${i}.js`;
    Deno.writeTextFileSync(file, source(directory) + COSTS);
    return [Deno.execPath(), "run", "--no-config", "--allow-all", file];
  });
  const times = commands.map((): number[] => []);
  const cpuTimes = commands.map((): number[] => []);
  const peaks = commands.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const { name } of Deno.readDirSync(directory)) {
      if (/\.dump/.test(name)) Deno.removeSync(`${directory}/${name}`);
    }
    for (const [i, command] of commands.entries()) {
      // The last program is slow, and measures only memory.
      if (i === commands.length - 1 && round >= 3) continue;
      const start = performance.now();
      const { stdout } = await runOrThrow(command);
      times[i].push(performance.now() - start);
      const [peak, cpuTime] = stdout.split(" ").map(Number);
      cpuTimes[i].push(cpuTime);
      peaks[i].push(peak);
    }
  }
  const [empty, ...others] = PROGRAMS.map(([name]) => name);
  report.ratioTable(`ms more than ${empty}`, ["wall", "CPU"]);
  others.slice(0, -1).forEach((name, i) => {
    const differences = (all: number[][]) =>
      all[i + 1].map((value, round) => value - all[0][round]);
    report.ratios(name, [differences(times), differences(cpuTimes)]);
  });
  report.section("peak memory, MiB");
  PROGRAMS.forEach(([name], i) => report.row(name, median(peaks[i])));
}
