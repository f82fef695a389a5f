/**
 * `deno task bench`: measures writers and readers, on a machine that should be idle.
 *
 * @module
 */

import { countArguments } from "../support/count_arguments.ts";
import { whyPerfCannotRecord } from "../support/perf.ts";
import { benchDamaged } from "./damaged.ts";
import { benchInject, benchReader } from "./reader.ts";
import { Report } from "./report.ts";
import { benchReport } from "./reports.ts";
import { benchStacks } from "./stacks.ts";
import { benchStart } from "./start.ts";
import { benchFirstFunctions } from "./first_functions.ts";
import { benchWriters, findWriters } from "./writers.ts";

countArguments(
  "Usage: deno task bench\n\n" +
    "Measures writers and readers. Takes a quarter of an hour. Requires 2 GB for temporary files.",
  [],
);

const report = new Report();
const directory = await Deno.makeTempDir({ prefix: "jitdump-bench-" });
try {
  await benchStart(report, directory);
  const writers = await findWriters(directory);
  await benchFirstFunctions(report, directory, writers[0]);
  await benchWriters(report, directory, writers);
  await benchReader(report, directory);
  benchDamaged(report, directory);
  await benchReport(report, directory);
  const reason = await whyPerfCannotRecord();
  if (reason === undefined) {
    await benchInject(report, directory);
    await benchStacks(report, directory);
  } else console.log(`\nperf is skipped: ${reason}`);
} finally {
  await Deno.remove(directory, { recursive: true });
}
