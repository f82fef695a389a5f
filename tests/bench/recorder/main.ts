/**
 * `deno task bench-recorder`: compares `jitdump record` with `perf record`, on a machine that
 * should be idle.
 *
 *     deno task bench-recorder [SECONDS [ROUNDS [WATCHED]]]
 *
 * @module
 */

import { openLibc } from "../../../ffi/libc.ts";
import { defaultEvent } from "../../../src/cli/recording_session.ts";
import { countArguments } from "../../support/count_arguments.ts";
import { whyPerfCannotRecord } from "../../support/perf.ts";
import { median } from "../report.ts";
import { compare } from "./compare.ts";
import { compileBusy, demo, threads } from "./programs.ts";
import { FREQUENCY, OURS, PERF } from "./recorders.ts";
import { startTimes, watch } from "./watch.ts";

const [seconds, rounds, watched] = countArguments(
  "Usage: deno task bench-recorder [SECONDS [ROUNDS [WATCHED]]]\n\n" +
    "Records two programs of at least SECONDS of CPU time (20), ROUNDS times (5), with jitdump\n" +
    "record and perf record in turn; then watches each recorder for WATCHED seconds (60).\n" +
    "Takes 10 to 20 minutes. Requires cc, perf, and 1 GB for temporary files.",
  [20, 5, 60],
);
const reason = await whyPerfCannotRecord();
if (reason !== undefined) {
  console.error(`perf cannot record here: ${reason}`);
  Deno.exit(1);
}
const library = openLibc((message) => new Error(message));
const event = defaultEvent(library.symbols).name;
library.close();
const directory = await Deno.makeTempDir({ prefix: "jitdump-bench-" });

const print = (value: string, name: string) =>
  console.log(`${value.padStart(16)}  ${name}`);
const percent = (value: number) => `${value.toFixed(2)} %`;

try {
  console.log(`${event} at ${FREQUENCY} Hz, frame pointers, ${rounds} rounds`);
  const busy = await compileBusy(directory);
  const dumps = `${directory}/dumps`;
  Deno.mkdirSync(dumps);
  for (const program of [demo(dumps), threads(busy)]) {
    const outcome = await compare(program, event, directory, seconds, rounds);
    const { ours, perf } = outcome;
    console.log(`\n${program.name}`);
    print(`${ours.samples} / ${perf.samples}`, "samples, ours / perf's");
    print(
      percent(outcome.sampleDifference),
      "difference of samples (target: 3)",
    );
    print(
      `${outcome.largest.difference.toFixed(2)} points`,
      `largest difference of a share above 2 %: ${outcome.largest.name} (target: 1)`,
    );
    print(
      `${outcome.largest.noise.toFixed(2)} points`,
      "four standard deviations of that difference, if samples were random",
    );
    print(
      `${ours.lost} / ${perf.lost}`,
      "lost records, ours / perf's (target: 0)",
    );
    print(
      `${percent(ours.slowdown)} / ${percent(perf.slowdown)}`,
      "slowdown in wall time, ours / perf's (target: perf's + 1)",
    );
    print(
      `${percent(ours.cpuSlowdown)} / ${percent(perf.cpuSlowdown)}`,
      "increase of the program's CPU time, ours / perf's",
    );
  }

  console.log("\nms until the command runs, median (target: 250)");
  for (const recorder of [OURS, PERF]) {
    const times = await startTimes(
      recorder,
      event,
      directory,
      busy,
      2 * rounds + 1,
    );
    print(median(times).toFixed(0), recorder.name);
  }

  console.log(`\nthe recorder of two busy CPUs, for ${watched} s`);
  for (const recorder of [OURS, PERF]) {
    const { cpu, early, late } = await watch(
      recorder,
      event,
      directory,
      busy,
      watched,
    );
    print(percent(cpu), `of one CPU: ${recorder.name} (target: 5)`);
    print(
      `${early.toFixed(1)} / ${late.toFixed(1)}`,
      `MiB of memory, maximum in the first sixth / after it: ${recorder.name}`,
    );
  }
} finally {
  await Deno.remove(directory, { recursive: true });
}
