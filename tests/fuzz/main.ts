/**
 * `deno task fuzz`: reads a million damaged dumps, or so many as are given.
 *
 *     deno task fuzz [CASES [SEED]]
 *
 * @module
 */

import { countArguments } from "../support/count_arguments.ts";
import { realDumps } from "./dumps.ts";
import { fuzz } from "./fuzz.ts";

const [cases, seed] = countArguments(
  "Usage: deno task fuzz [CASES [SEED]]\n\n" +
    "Reads a million damaged dumps, or so many as are given.",
  [1_000_000, Date.now() % 2 ** 31],
);

const directory = await Deno.makeTempDir({ prefix: "jitdump-fuzz-" });
try {
  const dumps = await realDumps(directory);
  const counts = await fuzz(dumps, cases, seed);
  console.log(`seed ${seed}`);
  for (const [name, count] of Object.entries(counts)) {
    const text = count.toLocaleString("en", { maximumFractionDigits: 1 });
    console.log(`${text.padStart(16)}  ${name}`);
  }
} finally {
  await Deno.remove(directory, { recursive: true });
}
