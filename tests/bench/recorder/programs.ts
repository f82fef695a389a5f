/**
 * The programs that are recorded.
 *
 * @module
 */

import { type CommandLine, runOrThrow } from "../../support/perf.ts";

const BUSY = `${import.meta.dirname}/../native/busy.c`;
const DEMO = `${import.meta.dirname}/../../demo/main.ts`;

/** Seconds of wall and CPU time that a program has measured of itself. */
export interface Costs {
  readonly wall: number;
  readonly cpu: number;
}

/** A program that does a fixed amount of work. */
export interface Program {
  readonly name: string;
  command(scale: number): CommandLine;
  /** Reads the program's costs from its output. */
  costs(stdout: string): Costs;
}

/** Compiles `busy.c`; returns the path of the executable. */
export async function compileBusy(directory: string): Promise<string> {
  const busy = `${directory}/busy`;
  await runOrThrow([
    "cc",
    ...["-O1", "-fno-omit-frame-pointer", "-pthread", "-o", busy, BUSY],
  ]);
  return busy;
}

/** Returns the program of 16 threads. */
export const threads = (busy: string): Program => ({
  name: "16 threads",
  command: (scale) => [busy, "16", `${scale}`],
  costs(stdout) {
    const [wall, cpu] = stdout.trim().split("\n").at(-1)!.split(" ");
    return { wall: Number(wall), cpu: Number(cpu) };
  },
});

/** Returns the demo, whose work is in one thread. */
export const demo = (dumps: string): Program => ({
  name: "demo",
  command: (scale) => [
    ...[Deno.execPath(), "run", "--no-config", "--allow-all", DEMO] as const,
    ...[dumps, `${scale}`, "frame-pointers"],
  ],
  costs(stdout) {
    const wall = Number(/after ([\d.]+) s/.exec(stdout)![1]);
    return { wall, cpu: wall };
  },
});

/** Returns the least scale, a power of two, at which a program uses that much CPU time. */
export async function scaleFor(
  { command, costs }: Program,
  seconds: number,
): Promise<number> {
  for (let scale = 16;; scale *= 2) {
    const { stdout } = await runOrThrow(command(scale));
    if (costs(stdout).cpu >= seconds) return scale;
  }
}
