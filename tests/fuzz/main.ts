/**
 * `deno task fuzz`: reads damaged dumps and damaged recordings, a million of each by
 * default.
 *
 *     deno task fuzz [CASES [SEED]]
 *
 * @module
 */

import { countArguments } from "../support/count_arguments.ts";
import type { FuzzCounts } from "./cases.ts";
import { realDumps } from "./dumps.ts";
import { fuzz } from "./fuzz.ts";
import { fuzzRecordings, recordings } from "./fuzz_recordings.ts";

const [cases, seed] = countArguments(
  "Usage: deno task fuzz [CASES [SEED]]\n\n" +
    "Reads CASES damaged dumps and CASES damaged recordings. CASES defaults to 1000000.",
  [1_000_000, Date.now() % 2 ** 31],
);

const directory = await Deno.makeTempDir({ prefix: "jitdump-fuzz-" });
try {
  const dumps = await realDumps(directory);
  console.log(`seed ${seed}`);
  print("dumps", await fuzz(dumps, cases, seed));
  print("recordings", await fuzzRecordings(await recordings(), cases, seed));
} finally {
  await Deno.remove(directory, { recursive: true });
}

function print(title: string, counts: FuzzCounts): void {
  console.log(title);
  for (const [name, count] of Object.entries(counts)) {
    const text = count.toLocaleString("en", { maximumFractionDigits: 1 });
    console.log(`${text.padStart(16)}  ${name}`);
  }
}
