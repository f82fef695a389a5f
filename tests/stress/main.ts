/**
 * `deno task stress`: writes dumps under adverse conditions, and kills recorders, for a number
 * of seconds (60 by default). Checks what each leaves, and prints counts of the contents.
 *
 *     deno task stress [SECONDS]
 *
 * @module
 */

import { SINKS } from "../../src/file/record_sink.ts";
import { countArguments } from "../support/count_arguments.ts";
import { noRecorder } from "../support/may_record.ts";
import { crowd } from "./crowd.ts";
import {
  DISK_WRITERS,
  fillDisk,
  killOnFullDisk,
  whyNotMount,
} from "./full_disk.ts";
import { kill } from "./kills.ts";
import { killRecorders } from "./recorder_kills.ts";

const WRITERS = 8;
const FUNCTIONS = 20_000;
const KILLS = 50;
const RECORDER_KILLS = 10;
const ROUNDS = 20;

const [seconds] = countArguments(
  "Usage: deno task stress [SECONDS]\n\n" +
    "Writes dumps under adverse conditions, and checks each. SECONDS defaults to 60.\n" +
    "Completes the last round. Requires 200 MB for temporary files.",
  [60],
);
const noMount = await whyNotMount();

/** Runs `use` with a temporary directory. */
async function inDirectory<T>(
  use: (directory: string) => Promise<T>,
): Promise<T> {
  const directory = await Deno.makeTempDir({ prefix: "jitdump-stress-" });
  try {
    return await use(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

type Counts = Record<string, number>;

const totals = new Map<string, Counts>();

/** Adds counts to those of a heading. */
function add(heading: string, counts: Counts): void {
  const total = totals.get(heading) ?? { rounds: 0 };
  total.rounds++;
  for (const [name, count] of Object.entries(counts)) {
    total[name] = (total[name] ?? 0) + count;
  }
  totals.set(heading, total);
}

const end = performance.now() + seconds * 1000;
do {
  add(
    `${WRITERS} writers and a foreign engine`,
    await inDirectory(async (directory) => ({
      ...await crowd(`${directory}/some.dump`, WRITERS, FUNCTIONS),
    })),
  );
  if (noRecorder === undefined) {
    add(
      "killed recorders",
      await inDirectory(async (directory) => ({
        ...await killRecorders(directory, RECORDER_KILLS),
      })),
    );
  }
  for (const sink of SINKS) {
    add(
      `killed programs, ${sink}`,
      await inDirectory(async (directory) => ({
        ...await kill(directory, KILLS, sink),
      })),
    );
    if (noMount !== undefined) continue;
    add(
      `killed programs on a full disk, ${sink}`,
      await inDirectory(async (directory) => ({
        ...await killOnFullDisk(directory, KILLS, sink),
      })),
    );
  }
  if (noMount !== undefined) continue;
  for (const [sink, writers] of DISK_WRITERS) {
    for (const sizes of ["mixed", "equal"] as const) {
      add(
        `a full disk, ${sizes} sizes, ${sink}, writers: ${writers}`,
        await inDirectory(async (directory) => ({
          ...await fillDisk(directory, writers, ROUNDS, sizes, sink),
        })),
      );
    }
  }
} while (performance.now() < end);

/** Descriptions of the counts. */
const NAMES: Record<string, string> = {
  functions: "functions, each found once and complete",
  ofTerminated: "functions of a terminated worker",
  foreign: "records of the foreign engine",
  tails: "dumps that end with a record whose call had not returned",
  incomplete: "incomplete recordings, each read up to its last whole record",
  samples: "samples in them",
  failures: "calls that failed because the disk was full, as expected",
  skipped: "partial records that became records to skip",
  widened: "partial records that were added to the next one",
};

for (const [heading, counts] of totals) {
  console.log(heading);
  for (const [name, count] of Object.entries(counts)) {
    const text = count.toLocaleString("en").padStart(16);
    console.log(`${text}  ${NAMES[name] ?? name}`);
  }
}
if (noMount !== undefined) {
  console.log(
    `full disk: skipped, because no file system can be mounted (${noMount})`,
  );
}
if (noRecorder !== undefined) {
  console.log(`killed recorders: skipped, because ${noRecorder}`);
}
console.log(
  "Every function whose call had returned was found once and complete.",
);
