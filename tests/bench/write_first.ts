/**
 * Writes the first functions of a program, and prints the nanoseconds of opening and of
 * each function as JSON.
 *
 *     deno run --allow-all tests/bench/write_first.ts SINK DIRECTORY COUNT
 *
 * @module
 */

import { JitDumpFile, type Sink } from "../../mod.ts";

const [sink, directory, count] = Deno.args;
const code = new Uint8Array(new ArrayBuffer(256)).fill(0x90);
const name = "f".repeat(33);
const times = new Float64Array(Number(count) + 2);
times[0] = performance.now();
const dump = JitDumpFile.forProcess(directory, { sink: sink as Sink });
times[1] = performance.now();
for (let i = 2; i < times.length; i++) {
  dump.dumpFunction({ name, code });
  times[i] = performance.now();
}
const durations = Array.from(times.subarray(1), (end, i) => end - times[i]);
console.log(JSON.stringify(durations.map((ms) => Math.round(ms * 1e6))));
dump.close();
Deno.removeSync(dump.path);
