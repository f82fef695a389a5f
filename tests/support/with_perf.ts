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
 * A test that is ignored, with the reason, where perf cannot record or binutils
 * cannot read what it makes; with `CI=true` it fails there.
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
