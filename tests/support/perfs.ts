/**
 * Installed versions of perf, for tests of the behavior of each.
 *
 * @module
 */

import { join } from "node:path";
import { run } from "./perf.ts";

/** An installed version of perf. */
export interface Perf {
  /** Name or path of the program. */
  readonly program: string;
  /** Its version, such as "6.1" or "7.2". */
  readonly version: string;
}

/**
 * Returns the installed versions of perf, each once: `perf` itself, the paths in the
 * environment variable JITDUMP_PERFS (separated by colons), and programs called `perf-…`
 * in the directories of PATH.
 */
export async function installedPerfs(): Promise<Perf[]> {
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

/**
 * Returns the oldest of some versions of perf. All of them read its recordings, while perf
 * 6.1 and 6.12 refuse those of perf 7.2 ("incompatible file format").
 */
export function oldestOf(perfs: readonly Perf[]): Perf {
  return perfs.toSorted((a, b) => numberOf(a) - numberOf(b))[0];
}

/** Returns a version's major and minor part as one number. */
function numberOf({ version }: Pick<Perf, "version">): number {
  const [major, minor] = version.split(".").map(Number);
  return 1000 * major + minor;
}

/**
 * Returns a function that returns why a test of a perf is ignored: if it is `version` or
 * later, and has `fault`.
 */
export const since =
  (version: string, fault: string) => (perf: Perf | undefined) =>
    perf !== undefined && numberOf(perf) >= numberOf({ version })
      ? `perf ${perf.version} ${fault}`
      : undefined;

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
