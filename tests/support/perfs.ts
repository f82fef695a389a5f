/**
 * The perfs at hand, for tests of what each version does.
 *
 * @module
 */

import { join } from "node:path";
import { run } from "./perf.ts";

/** A perf binary. */
export interface Perf {
  /** The program, to be run by this name or path. */
  readonly program: string;
  /** Its version, such as "6.1" or "7.2". */
  readonly version: string;
}

/**
 * Returns the perfs at hand: `perf` itself, those listed in the environment variable
 * JITDUMP_PERFS (paths separated by colons) and programs called `perf-…` in the path.
 * Each version is listed once.
 */
export async function perfsAtHand(): Promise<Perf[]> {
  const listed = Deno.env.get("JITDUMP_PERFS") ?? "";
  const programs = ["perf", ...listed.split(":").filter(Boolean)];
  for (const directory of (Deno.env.get("PATH") ?? "").split(":")) {
    programs.push(...perfsIn(directory));
  }
  const byVersion = new Map<string, Perf>();
  for (const program of new Set(programs)) {
    const version = await versionOf(program);
    if (version === undefined || byVersion.has(version)) continue;
    byVersion.set(version, { program, version });
  }
  return [...byVersion.values()];
}

function perfsIn(directory: string): string[] {
  try {
    return [...Deno.readDirSync(directory)]
      .filter(({ name }) => /^perf-\d+$/.test(name))
      .map(({ name }) => join(directory, name)).sort();
  } catch {
    return []; // not a directory, or not readable
  }
}

async function versionOf(program: string): Promise<string | undefined> {
  try {
    const { success, stdout } = await run([program, "--version"]);
    if (!success) return undefined;
    return stdout.match(/^perf version (\d+\.\d+)/)?.[1];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
