/**
 * Prints what `perf script` would of a program that has many jitted functions. It stands
 * in for perf where it is called so.
 *
 *     DUMP=<path> PROCESS=<id> perf script …
 *
 * @module
 */

import { FIRST_ADDRESS, FUNCTIONS, SPACING } from "./many_functions.ts";

const SAMPLES = 100_000;
const DEPTH = 10;

const pid = Deno.env.get("PROCESS");
const dump = Deno.env.get("DUMP");

let seed = 1;
const random = (limit: number) => (seed = seed * 48271 % 0x7fff_ffff) % limit;

const lines: string[] = [];
const encoder = new TextEncoder();
function flush(): void {
  const bytes = encoder.encode(`${lines.splice(0).join("\n")}\n`);
  for (let at = 0; at < bytes.length;) {
    at += Deno.stdout.writeSync(bytes.subarray(at));
  }
}

if (Deno.args.includes("--header-only")) {
  console.log("# clockid: monotonic (1)");
} else {
  lines.push(
    `deno ${pid}/${pid} 0.000000001: PERF_RECORD_MMAP2 ${pid}/${pid}: ` +
      `[0x1000(0x1000) @ 0 00:00 1 1]: r-xp ${dump}`,
  );
  for (let i = 0; i < SAMPLES; i++) {
    const time = String(i * 1000).padStart(9, "0");
    lines.push(`deno ${pid}/${pid} 100.${time}:     250000 cpu-clock: `);
    for (let depth = 0; depth < DEPTH; depth++) {
      const address = FIRST_ADDRESS + SPACING * random(FUNCTIONS) +
        random(SPACING / 2);
      lines.push(`\t${address.toString(16)} [unknown] (/tmp/perf-${pid}.map)`);
    }
    lines.push("");
    if (lines.length > 10_000) flush();
  }
  flush();
}
