/**
 * Reads a profile and adds up its functions like `jitdump report`, and prints the time and
 * the peak memory.
 *
 *     deno run --allow-read tests/bench/report_many.ts PERF.DATA
 *
 * @module
 */

import { readProfile } from "../../src/profile/profiler.ts";
import { functionTotals } from "../../src/profile/totals.ts";

const start = performance.now();
const profile = await readProfile(Deno.args[0]);
const functions = functionTotals(profile).length;
const seconds = (performance.now() - start) / 1000;
const status = Deno.readTextFileSync("/proc/self/status");
const peakMiB = Number(status.match(/VmHWM:\s+(\d+)/)![1]) / 1024;
const { samples } = profile;
console.log(JSON.stringify({ seconds, peakMiB, samples, functions }));
