/**
 * Tests that need perf.
 *
 * @module
 */

import { it } from "@std/testing/bdd";
import { itUnless } from "./it_unless.ts";
import { isInstalled, whyPerfCannotRecord } from "./perf.ts";

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
