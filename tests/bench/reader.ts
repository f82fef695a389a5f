/**
 * Measurements of reading dumps.
 *
 * @module
 */

import { JitDumpFile, type JitFunction } from "../../mod.ts";
import { injectCommand, recordCommand, runOrThrow } from "../support/perf.ts";
import { median, type Report } from "./report.ts";

const GIB = 2 ** 30;

/** Name of ordinary functions: 33 characters. */
const NAME = "a_function_whose_name_has_33_chars".slice(0, 33);

/** Size of an ordinary record: its fields, the name with its NUL, and the code. */
export const RECORD_SIZE = 56 + 34 + 256;

/** Number of functions for perf, which takes about a millisecond for each. */
const INJECTED = 17_500;

const ROUNDS = 5;

/** Yields functions of ordinary size with different code. */
export function* ordinaryFunctions(count: number): Generator<JitFunction> {
  const code = new Uint8Array(new ArrayBuffer(256)).fill(0x90);
  const number = new DataView(code.buffer);
  for (let i = 0; i < count; i++) {
    number.setUint32(0, i, true);
    yield { name: NAME, code, address: 0x1000_0000 + 256 * i };
  }
}

/** Reads a dump in a new process; returns the time in seconds and the peak memory. */
async function read(
  path: string,
): Promise<{ seconds: number; peakMiB: number }> {
  const { stdout } = await runOrThrow([
    Deno.execPath(),
    "run",
    "--allow-all",
    new URL("read_dump.ts", import.meta.url).href,
    path,
  ]);
  return JSON.parse(stdout);
}

export async function benchReader(
  report: Report,
  directory: string,
): Promise<void> {
  const path = `${directory}/large.dump`;
  const count = Math.ceil(GIB / RECORD_SIZE);
  using dump = new JitDumpFile(path);
  dump.dumpFunctions(ordinaryFunctions(count));
  const { size } = Deno.statSync(path);
  const runs = [];
  for (let round = 0; round < ROUNDS; round++) runs.push(await read(path));
  const rates = runs.map(({ seconds }) => size / seconds / 1e6);
  report.section("reading a dump of 1 GiB, every record");
  report.row("MB/s, median", median(rates));
  report.row("MB/s, slowest", Math.min(...rates));
  report.row("MB/s, fastest", Math.max(...rates));
  report.row(
    "peak memory in MiB, maximum",
    Math.max(...runs.map(({ peakMiB }) => peakMiB)),
  );
  Deno.removeSync(path);
}

/** Compares `perf inject` and this reader, with a dump that is small enough for perf. */
export async function benchInject(
  report: Report,
  directory: string,
): Promise<void> {
  const data = `${directory}/perf.data`;
  const { stdout } = await runOrThrow(recordCommand(data, [
    Deno.execPath(),
    "run",
    "--allow-all",
    new URL("dump_ordinary.ts", import.meta.url).href,
    directory,
    String(INJECTED),
  ]));
  const start = performance.now();
  await runOrThrow(injectCommand(data, `${data}.jit`));
  const inject = (performance.now() - start) / 1000;
  const { seconds } = await read(stdout.trim());
  report.section(`a dump of ${INJECTED} functions`);
  report.row("perf inject, seconds", inject);
  report.row("this reader, seconds", seconds);
  report.row("ratio", inject / seconds);
}
