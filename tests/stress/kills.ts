/**
 * Killing a program that dumps functions, at any moment.
 *
 * @module
 */

import { groupFunctions, parseStart } from "../parse_dump.ts";
import { recognize } from "./sample.ts";
import { acknowledgedPath, dumpPath } from "./victim.ts";

/** What was found in the dumps. */
export interface KillCounts {
  kills: number;
  functions: number;
  /** How many dumps end in a part of a record, whose call had not returned. */
  tails: number;
}

const VICTIM = new URL("victim.ts", import.meta.url).pathname;

/** A kill comes at most so long after the first function. */
const LONGEST_LIFE_MS = 50;

/** Programs that run at once. */
const VICTIMS = 2;

/**
 * Lets programs with one and two writers dump functions, kills each at a random
 * moment, and checks that its dump has every function whose call had returned, once,
 * whole and with what belongs to it.
 */
export async function kill(
  directory: string,
  kills: number,
): Promise<KillCounts> {
  const counts = { kills: 0, functions: 0, tails: 0 };
  let left = kills;
  await Promise.all(Array.from({ length: VICTIMS }, async () => {
    while (left-- > 0) {
      const place = await Deno.makeTempDir({ dir: directory });
      const writers = 1 + left % 2;
      await runAndKill(place, writers);
      const found = check(place, writers);
      counts.kills++;
      counts.functions += found.functions;
      counts.tails += found.hasTail ? 1 : 0;
      await Deno.remove(place, { recursive: true });
    }
  }));
  return counts;
}

async function runAndKill(directory: string, writers: number): Promise<void> {
  const victim = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-config",
      "--allow-all",
      VICTIM,
      directory,
      String(writers),
    ],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  // It says that it is up, and nothing else.
  const reader = victim.stdout.getReader();
  await reader.read();
  const life = Math.random() * LONGEST_LIFE_MS;
  await new Promise((resolve) => setTimeout(resolve, life));
  victim.kill("SIGKILL");
  await reader.cancel();
  const { signal } = await victim.status;
  if (signal !== "SIGKILL") throw new Error("it ended by itself");
}

function check(
  directory: string,
  writers: number,
): { functions: number; hasTail: boolean } {
  const path = dumpPath(directory);
  const bytes = readIfThere(path);
  // The kill may have come before the header.
  const { records, end } = bytes.length === 0
    ? { records: [], end: 0 }
    : parseStart(bytes);
  const { functions, isComplete } = groupFunctions(records);
  const counts = Array.from({ length: writers }, () => 0);
  for (const fn of functions) {
    const { writer, number } = recognize(fn);
    if (number !== counts[writer]++) {
      throw new Error(`${fn.name} is out of turn`);
    }
  }
  counts.forEach((count, writer) => {
    const acknowledged =
      readIfThere(acknowledgedPath(directory, writer)).length;
    // The last one may be there though its call has not returned.
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

/** A file's bytes; none where the kill came before it. */
function readIfThere(path: string): Uint8Array {
  try {
    return Deno.readFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return new Uint8Array();
    throw error;
  }
}
