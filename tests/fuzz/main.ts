/**
 * `deno task fuzz`: reads corrupt dumps and corrupt recordings, a million of each by
 * default, and recovers records from a tenth as many dumps that are corrupted once.
 *
 *     deno task fuzz [CASES [SEED]]
 *
 * @module
 */

import { countArguments } from "../support/count_arguments.ts";
import { realDumps, recoverable } from "./dumps.ts";
import { fuzz } from "./fuzz.ts";
import { fuzzRecordings, recordings } from "./fuzz_recordings.ts";
import { measureRecovery } from "./recovery.ts";

/** Number of cases for one whose records are recovered from a file, which is slow. */
const RECOVERED_OF = 10;

const [cases, seed] = countArguments(
  "Usage: deno task fuzz [CASES [SEED]]\n\n" +
    "Reads CASES corrupt dumps and CASES corrupt recordings. CASES defaults to 1000000.\n" +
    "Recovers the records of CASES / 10 dumps that are corrupted once.",
  [1_000_000, Date.now() % 2 ** 31],
);

const directory = await Deno.makeTempDir({ prefix: "jitdump-fuzz-" });
try {
  const dumps = await realDumps(directory);
  const path = `${directory}/damaged.dump`;
  console.log(`seed ${seed}`);
  print("dumps", await fuzz(dumps, cases, seed, path));
  const recovery = recoverable(dumps.slice(0, 2));
  const { examples, ...counts } = measureRecovery(
    recovery,
    Math.ceil(cases / RECOVERED_OF),
    seed,
    path,
  );
  print("dumps corrupted once", counts);
  for (const example of examples) console.log(example);
  print("recordings", await fuzzRecordings(await recordings(), cases, seed));
} finally {
  await Deno.remove(directory, { recursive: true });
}

function print(title: string, counts: object): void {
  console.log(title);
  for (const [name, count] of Object.entries(counts)) {
    const text = count.toLocaleString("en", { maximumFractionDigits: 1 });
    console.log(`${text.padStart(16)}  ${name}`);
  }
}
