/**
 * A recorder's own costs: its start, its CPU time and its memory.
 *
 * @module
 */

import { ENVIRONMENT } from "../../support/perf.ts";
import type { RecorderUnderTest } from "./recorders.ts";

/** Number of ticks in a second of /proc/PID/stat. */
const TICKS = 100;

/** A number of rounds for which `busy` runs longer than any measurement. */
const FOREVER = "1000000000";

const sleep = (seconds: number) =>
  new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

/** Starts to record `busy` with two threads. */
function start(
  recorder: RecorderUnderTest,
  event: string,
  directory: string,
  busy: string,
) {
  const into = `${directory}/recording`;
  Deno.mkdirSync(into);
  const shell = 'echo $$ >"$0"; exec "$@"';
  const [program, ...args] = recorder.record(into, event, [
    ...["sh", "-c", shell, `${directory}/pid`, busy, "2", FOREVER] as const,
  ]);
  const begin = performance.timeOrigin + performance.now();
  const child = new Deno.Command(program, {
    args,
    stdin: "null",
    stdout: "piped",
    stderr: "null",
    env: ENVIRONMENT,
  }).spawn();
  const reader = child.stdout.getReader();
  return {
    pid: child.pid,
    /** Returns the milliseconds until the command ran. */
    async started(): Promise<number> {
      const { value } = await reader.read();
      return Number(new TextDecoder().decode(value).split("\n")[0]) - begin;
    },
    /** Ends the command, and the recording with it. */
    async stop(): Promise<void> {
      Deno.kill(Number(Deno.readTextFileSync(`${directory}/pid`)), "SIGTERM");
      while (!(await reader.read()).done);
      await child.status;
      Deno.removeSync(into, { recursive: true });
    },
  };
}

/** Returns the milliseconds from a recorder's start to its command's, several times. */
export async function startTimes(
  recorder: RecorderUnderTest,
  event: string,
  directory: string,
  busy: string,
  count: number,
): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const run = start(recorder, event, directory, busy);
    times.push(await run.started());
    await sleep(0.1);
    await run.stop();
  }
  return times;
}

/** The costs of a recorder while it records. */
export interface RecorderCosts {
  /** Percent of one CPU. */
  readonly cpu: number;
  /** Maximum resident memory in MiB, in the first sixth of the time and after it. */
  readonly early: number;
  readonly late: number;
}

/** Watches a recorder for some seconds. */
export async function watch(
  recorder: RecorderUnderTest,
  event: string,
  directory: string,
  busy: string,
  seconds: number,
): Promise<RecorderCosts> {
  const run = start(recorder, event, directory, busy);
  await run.started();
  const first = cpuTime(run.pid);
  const begin = performance.now();
  const memory: number[][] = [[], []];
  let elapsed = 0;
  while (elapsed < seconds) {
    await sleep(0.5);
    elapsed = (performance.now() - begin) / 1000;
    memory[elapsed <= seconds / 6 ? 0 : 1].push(residentMemory(run.pid));
  }
  const cpu = 100 * (cpuTime(run.pid) - first) / elapsed;
  await run.stop();
  const [early, late] = memory.map((values) => Math.max(0, ...values));
  return { cpu, early, late };
}

/** Returns the seconds of CPU time that a process has used, without its children's. */
function cpuTime(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Returns the resident memory of a process in MiB. */
function residentMemory(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}
