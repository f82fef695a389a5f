/**
 * Tests that cannot run on every machine.
 *
 * @module
 */

import { it } from "@std/testing/bdd";
import { isInstalled } from "./perf.ts";

/** Returns why tests that run a program are ignored; returns undefined if it is installed. */
export async function whyMissing(program: string): Promise<string | undefined> {
  if (await isInstalled(program)) return undefined;
  return `${program} is not installed`;
}

/** Registers a test, which is ignored if `reason` is not undefined. */
export function itUnless(
  reason: string | undefined,
  name: string,
  fn: () => void | Promise<void>,
): void {
  if (reason === undefined) it(name, fn);
  else it.skip(`${name} (ignored: ${reason})`, fn);
}
