/**
 * Measurement of the report of a recording with copies of the stack. Also runs alone:
 *
 *     deno run --allow-all tests/bench/stacks.ts [SAMPLES]
 *
 * @module
 */

import { countArguments } from "../support/count_arguments.ts";
import { injectCommand, recordCommand, runOrThrow } from "../support/perf.ts";
import { median, Report } from "./report.ts";

const SAMPLES = 100_000;

/** Bytes of the stack in each sample. */
const STACK = 4096;

/** Samples per second. At a higher frequency, perf may lose some. */
const FREQUENCY = 4000;

/** Argument of the demo for a short recording, from which that of the long one is computed. */
const SCALE = 1000;

/**
 * Part by which the long recording exceeds the requested samples, because the program's
 * start is a larger part of the short one.
 */
const EXCESS = 0.2;

const ROUNDS = 3;

const DEMO = new URL("../demo/main.ts", import.meta.url).href;

/** Records the demo without frame pointers. */
async function record(
  directory: string,
  data: string,
  scale: number,
): Promise<void> {
  await runOrThrow(recordCommand(
    data,
    [
      ...[Deno.execPath(), "run", "--no-config", "--allow-all", DEMO],
      ...[directory, String(scale)],
    ] as [string, ...string[]],
    ...["-F", String(FREQUENCY), "-m", "64M"],
    ...["--call-graph", `dwarf,${STACK}`],
  ));
}

/** Reports a recording in a new process. */
async function measure(data: string): Promise<Record<string, number>> {
  const { stdout } = await runOrThrow([
    ...[Deno.execPath(), "run", "--no-config", "--allow-all"],
    ...[new URL("report_many.ts", import.meta.url).href, data],
  ] as [string, ...string[]]);
  return JSON.parse(stdout);
}

/** Reports a recording of many stacks, and compares with `perf script`. */
export async function benchStacks(
  report: Report,
  directory: string,
  count = SAMPLES,
): Promise<void> {
  const data = `${directory}/stacks.data`;
  await record(directory, data, SCALE);
  const short = await measure(data);
  const scale = (1 + EXCESS) * SCALE * count / short.samples;
  await record(directory, data, Math.ceil(scale));
  const runs: Record<string, number>[] = [];
  for (let round = 0; round < ROUNDS; round++) runs.push(await measure(data));
  const [{ samples }] = runs;
  const seconds = median(runs.map(({ seconds }) => seconds));
  report.section(`a report of ${samples} samples with ${STACK} bytes of stack`);
  report.row("seconds, median", seconds);
  report.row(`seconds for ${SAMPLES} samples`, seconds * SAMPLES / samples);
  report.row(
    "peak memory in MiB, maximum",
    Math.max(...runs.map(({ peakMiB }) => peakMiB)),
  );
  const injected = `${data}.jit`;
  await runOrThrow(injectCommand(data, injected));
  for (const [state, path] of [["", data], [" after perf inject", injected]]) {
    const start = performance.now();
    await runOrThrow([
      "sh",
      "-c",
      'perf script -f --no-inline -i "$0" -F ip,sym > /dev/null',
      path,
    ]);
    const seconds = (performance.now() - start) / 1000;
    report.row(`seconds, perf script${state}`, seconds);
  }
  await Deno.remove(data);
  await Deno.remove(injected);
}

if (import.meta.main) {
  const [samples] = countArguments(
    "Usage: deno run --allow-all tests/bench/stacks.ts [SAMPLES]\n\n" +
      "Measures the report of a recording with copies of the stack.\n" +
      `SAMPLES defaults to ${SAMPLES}, which require 2 GB for temporary files.`,
    [SAMPLES],
  );
  const directory = await Deno.makeTempDir({ prefix: "jitdump-bench-" });
  try {
    await benchStacks(new Report(), directory, samples);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
