/**
 * Tests that need perf.
 *
 * @module
 */

import { it } from "@std/testing/bdd";
import { itUnless } from "./it_unless.ts";
import { isInstalled, whyPerfCannotRecord } from "./perf.ts";
import { installedPerfs, since } from "./perfs.ts";

const reason = await whyPerfCannotRecord() ??
  (await isInstalled("objcopy") ? undefined : "binutils is not installed");

/**
 * Registers a test that is ignored if perf cannot record or binutils is not installed.
 * With `CI=true` it fails instead.
 */
export function itWithPerf(name: string, fn: () => Promise<void>): void {
  if (reason !== undefined && Deno.env.get("CI") === "true") {
    it(name, () => {
      throw new Error(reason);
    });
  } else {
    itUnless(reason, name, fn);
  }
}

const [perf] = await isInstalled("perf") ? await installedPerfs() : [];

/**
 * Registers a test of `perf` itself that is also ignored if this is `version` or
 * later; `fault` describes perf's fault.
 */
export function itBeforePerf(
  version: string,
  fault: string,
  name: string,
  fn: () => Promise<void>,
): void {
  const reason = since(version, fault)(perf);
  if (reason === undefined) itWithPerf(name, fn);
  else itUnless(reason, name, fn);
}
