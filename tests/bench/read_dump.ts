/**
 * Reads a dump, and prints the time and the peak memory.
 *
 *     deno run --allow-all tests/bench/read_dump.ts FILE
 *
 * @module
 */

import { JitDumpStream } from "../../src/reader/mod.ts";

const start = performance.now();
let records = 0;
for await (const _ of await JitDumpStream.open(Deno.args[0])) records++;
const seconds = (performance.now() - start) / 1000;
const status = Deno.readTextFileSync("/proc/self/status");
const peakMiB = Number(status.match(/VmHWM:\s+(\d+)/)![1]) / 1024;
console.log(JSON.stringify({ records, seconds, peakMiB }));
