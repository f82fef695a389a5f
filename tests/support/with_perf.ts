/**
 * Tests that need perf.
 *
 * @module
 */

import { itRequiring, itUnless, whyMissing } from "./it_unless.ts";
import { isInstalled, whyPerfCannotRecord } from "./perf.ts";
import { installedPerfs, since } from "./perfs.ts";

const reason = await whyPerfCannotRecord() ?? await whyMissing("objcopy");

/**
 * Registers a test that is ignored, or fails in a CI job, if perf cannot record or objcopy
 * is not installed.
 */
export const itWithPerf = (name: string, fn: () => Promise<void>): void =>
  itRequiring(reason, name, fn);

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
