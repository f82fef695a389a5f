/**
 * Killing a program that dumps functions.
 *
 * @module
 */

import type { Sink } from "../../mod.ts";
import { groupFunctions, parseStart } from "../support/parse_dump.ts";
import { recognize } from "./sample.ts";
import { acknowledgedPath, type Directories, dumpPath } from "./victim.ts";

/** The contents of the dumps. */
export interface KillCounts {
  kills: number;
  /** Functions in all dumps; at least one for each kill after the first function. */
  functions: number;
  /** Number of dumps that end with a partial record, whose call had not returned. */
  tails: number;
}

const VICTIM = new URL("victim.ts", import.meta.url).href;

/** Maximum time between a victim's moment and its kill. */
const LONGEST_LIFE_MS = 50;

/** Time limit for a victim's first function, which takes some 20 ms. */
const LONGEST_WAIT_MS = 60_000;

/** Number of programs that run at the same time. */
const VICTIMS = 2;

/** Interval at which a victim's acknowledgements are checked. */
const POLL_MS = 1;

/**
 * Moments after which a victim is killed. After `start`, the kill may interrupt the
 * opening of the dump. After `firstFunction`, the dump has a function on slow machines too.
 */
type Moment = "start" | "firstFunction";

/** Returns the moment after which the victim with index `kill` is killed. */
const momentOf = (kill: number): Moment =>
  Math.floor(kill / VICTIMS) % 2 === 0 ? "firstFunction" : "start";

/**
 * Runs pairs of programs with one or two writers (one if the sink accepts no more), and
 * kills each at a random moment. Checks that its dump has every function whose call had
 * returned, once and complete, with its source lines and unwind info.
 *
 * @param kills Number of programs, which is even.
 */
export async function kill(
  directory: string,
  kills: number,
  sink: Sink,
): Promise<KillCounts> {
  const counts = { kills: 0, functions: 0, tails: 0 };
  while (counts.kills < kills) {
    const moment = momentOf(counts.kills);
    const victims = Array.from({ length: VICTIMS }, (_, i) => {
      const own = Deno.makeTempDirSync({ dir: directory });
      return {
        directories: { dumps: own, acknowledgements: own },
        writers: sink === "mapped" ? 1 : 1 + i % 2,
      };
    });
    await Promise.all(
      victims.map(({ directories, writers }) =>
        runAndKill(directories, writers, sink, moment)
      ),
    );
    // A check would delay the kill of a running victim.
    for (const { directories, writers } of victims) {
      add(counts, check(directories, writers));
      Deno.removeSync(directories.dumps, { recursive: true });
    }
    counts.kills += VICTIMS;
  }
  return counts;
}

/**
 * Kills programs with three writers (one if the sink accepts no more), one after the other,
 * on a full file system on which space is freed each millisecond.
 *
 * @param mountPoint Directory of the file system, which must contain nothing else.
 * @param directory Directory on another file system.
 */
export async function killOnFullDisk(
  mountPoint: string,
  directory: string,
  kills: number,
  sink: Sink,
): Promise<KillCounts> {
  const writers = sink === "mapped" ? 1 : 3;
  const counts = { kills: 0, functions: 0, tails: 0 };
  for (; counts.kills < kills; counts.kills++) {
    const acknowledgements = await Deno.makeTempDir({ dir: directory });
    const directories = { dumps: mountPoint, acknowledgements };
    add(
      counts,
      await killOne(
        directories,
        writers,
        sink,
        momentOf(counts.kills),
      ),
    );
    for (const { name } of Deno.readDirSync(mountPoint)) {
      Deno.removeSync(`${mountPoint}/${name}`);
    }
  }
  return counts;
}

const PAGE = 4096;
const FILLER_PAGES = 200;

/** Fills the disk except for some pages, and frees a page each millisecond. */
function freeSpace({ dumps }: Directories): () => void {
  const filler = `${dumps}/filler`;
  Deno.writeFileSync(filler, new Uint8Array(FILLER_PAGES * PAGE));
  let pages = FILLER_PAGES;
  const timer = setInterval(() => {
    if (pages > 0) Deno.truncateSync(filler, --pages * PAGE);
  }, 1);
  return () => clearInterval(timer);
}

function add(
  counts: KillCounts,
  found: { functions: number; hasTail: boolean },
): void {
  counts.functions += found.functions;
  counts.tails += found.hasTail ? 1 : 0;
}

/** Kills a program while space is freed. */
async function killOne(
  directories: Directories,
  writers: number,
  sink: Sink,
  moment: Moment,
): Promise<{ functions: number; hasTail: boolean }> {
  const end = freeSpace(directories);
  await runAndKill(directories, writers, sink, moment);
  end();
  return check(directories, writers);
}

async function runAndKill(
  directories: Directories,
  writers: number,
  sink: Sink,
  moment: Moment,
): Promise<void> {
  const victim = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-config",
      "--allow-all",
      VICTIM,
      directories.dumps,
      directories.acknowledgements,
      String(writers),
      sink,
    ],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  // The victim prints one line when it is ready.
  const reader = victim.stdout.getReader();
  const { done } = await reader.read();
  if (done) throw new Error("the victim ended before it was ready");
  let hasEnded = false;
  const status = victim.status.finally(() => hasEnded = true);
  // Any writer counts, because the others may fill the disk before the first one starts.
  const hasFunction = () =>
    Array.from({ length: writers }, (_, i) => acknowledgedPath(directories, i))
      .some((path) => readIfThere(path).length > 0);
  const deadline = performance.now() + LONGEST_WAIT_MS;
  while (moment === "firstFunction" && !hasEnded && !hasFunction()) {
    if (performance.now() > deadline) {
      victim.kill("SIGKILL");
      throw new Error("the victim has written no function");
    }
    await sleep(POLL_MS);
  }
  if (!hasEnded) {
    await sleep(Math.random() * LONGEST_LIFE_MS);
    victim.kill("SIGKILL");
  }
  await reader.cancel();
  const { signal } = await status;
  if (signal !== "SIGKILL") {
    throw new Error("the victim ended before it was killed");
  }
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function check(
  directories: Directories,
  writers: number,
): { functions: number; hasTail: boolean } {
  const path = dumpPath(directories);
  const bytes = readIfThere(path);
  // The victim may have been killed before it wrote the header.
  const { records, end } = bytes.length === 0
    ? { records: [], end: 0 }
    : parseStart(bytes);
  const { functions, isComplete } = groupFunctions(records);
  const counts = Array.from({ length: writers }, () => 0);
  for (const fn of functions) {
    const { writer, index } = recognize(fn);
    if (index !== counts[writer]++) {
      throw new Error(`${fn.name} is out of order`);
    }
  }
  counts.forEach((count, writer) => {
    const acknowledged =
      readIfThere(acknowledgedPath(directories, writer)).length;
    // The last function may be in the dump although its call has not returned.
    if (count - acknowledged === 0 || count - acknowledged === 1) return;
    throw new Error(
      `writer ${writer}: ${count} functions in the dump, ${acknowledged} acknowledged`,
    );
  });
  return {
    functions: functions.length,
    hasTail: end < bytes.length || !isComplete,
  };
}

/** Returns a file's bytes; returns no bytes if the file does not exist. */
function readIfThere(path: string): Uint8Array {
  try {
    return Deno.readFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return new Uint8Array();
    throw error;
  }
}

// Runs in a mount namespace: MOUNT_POINT DIRECTORY KILLS SINK
if (import.meta.main) {
  const [mountPoint, directory, kills, sink] = Deno.args;
  const counts = await killOnFullDisk(
    mountPoint,
    directory,
    Number(kills),
    sink as Sink,
  );
  console.log(JSON.stringify(counts));
}
