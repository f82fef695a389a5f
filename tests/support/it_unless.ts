/**
 * Tests that cannot run on every machine.
 *
 * @module
 */

import { it } from "@std/testing/bdd";
import { isInstalled } from "./perf.ts";

/** Returns why tests that run programs are ignored; returns undefined if all are installed. */
export async function whyMissing(
  ...programs: string[]
): Promise<string | undefined> {
  for (const program of programs) {
    if (!await isInstalled(program)) return `${program} is not installed`;
  }
  return undefined;
}

/** Reason why tests that change a file's owner are ignored; undefined if they can run. */
export const notRoot = Deno.uid() === 0
  ? undefined
  : "only root can change a file's owner";

/** Indicates whether nothing may be missing: the tests run in a CI job. */
export const isCi = Deno.env.get("CI") === "true";

/** Registers a test, which is ignored if `reason` is not undefined. */
export function itUnless(
  reason: string | undefined,
  name: string,
  fn: () => void | Promise<void>,
): void {
  if (reason === undefined) it(name, fn);
  else it.skip(`${name} (ignored: ${reason})`, fn);
}

/** Registers a test like {@linkcode itUnless}, but it fails in a CI job if it cannot run. */
export function itRequiring(
  reason: string | undefined,
  name: string,
  fn: () => Promise<void>,
): void {
  if (reason === undefined || !isCi) return itUnless(reason, name, fn);
  it(name, () => {
    throw new Error(reason);
  });
}
