/**
 * Search for and reading of the recordings of a command line.
 *
 * @module
 */

import { hintText } from "../profile/hint.ts";
import type { Profile } from "../profile/profile.ts";
import { isDump } from "../reader/dump_magic.ts";
import { type ProfileOptions, readProfile } from "../profile/profiler.ts";

/** Reads a recording, and prints the progress for a command. */
export function readWithProgress(
  command: string,
  path: string,
  options: ProfileOptions,
): Promise<Profile> {
  return readProfile(path, { ...options, onSamples: progress(command) });
}

/** Prints the other events of the recording, and its hints. */
export function printHints(
  command: string,
  { others, hints }: Profile,
): void {
  for (const { name, samples } of others) {
    console.error(
      `jitdump ${command}: the recording has samples of ${name} too (${samples}): --event ${name} selects them`,
    );
  }
  for (const hint of hints) {
    console.error(`jitdump ${command}: ${hintText(hint)}`);
  }
}

/** Returns a function that prints the progress of reading, once a second at most. */
function progress(command: string): (samples: number) => void {
  let last = performance.now();
  return (samples) => {
    const now = performance.now();
    if (now - last < 1000) return;
    last = now;
    console.error(
      `jitdump ${command}: ${samples.toLocaleString("en")} samples read`,
    );
  };
}

/**
 * Returns the path of the recording. A directory of `jitdump record` contains it; one of
 * `perf record --threads` is a recording itself.
 */
export async function findRecording(path: string): Promise<string> {
  let status: Deno.FileInfo;
  try {
    status = await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) return path;
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error(
      `${path} does not exist: record with jitdump record first`,
    );
  }
  if (!status.isDirectory) {
    if (status.isFile) refuseDump(path);
    return path;
  }
  const inside = `${path}/perf.data`;
  if (await exists(inside)) return inside;
  if (await exists(`${path}/new/perf.data`)) {
    throw new Error(
      `the recording in ${path} is still running, or was killed: jitdump report ${path}/new shows its samples so far`,
    );
  }
  // A directory of perf record --threads.
  if (await exists(`${path}/data`)) return path;
  throw new Error(
    `there is no recording in ${path}: record with jitdump record --out ${path} -- COMMAND`,
  );
}

function refuseDump(path: string): void {
  if (!isDump(path)) return;
  throw new Error(
    `${path} is a dump, not a recording: jitdump inspect ${path} shows its functions; jitdump record -- COMMAND creates a recording`,
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
