/**
 * The directories of npm packages.
 *
 * @module
 */

import { join } from "@std/path";
import { runOrThrow } from "./perf.ts";

/** Returns the directory in Deno's cache of a package that a module imports. */
export async function npmDirectory(
  name: string,
  version: string,
): Promise<string> {
  const { stdout } = await runOrThrow([Deno.execPath(), "info", "--json"]);
  const { npmCache } = JSON.parse(stdout);
  for (const registry of Deno.readDirSync(npmCache)) {
    const path = join(npmCache, registry.name, name, version);
    try {
      if (Deno.statSync(path).isDirectory) return path;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  throw new Error(`${name} ${version} is not in ${npmCache}`);
}
