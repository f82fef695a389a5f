/**
 * Tests that need the kernel's permission to record.
 *
 * @module
 */

import { it } from "@std/testing/bdd";
import { openLibc } from "../../ffi/libc.ts";
import { isCounted } from "../../src/recorder/counting.ts";
import { parseEvent } from "../../src/recorder/event.ts";
import { itUnless } from "./it_unless.ts";

const library = openLibc((message) => new Error(message));
const refused = isCounted(library.symbols, parseEvent("cpu-clock")!)
  ? undefined
  : "this user may not record: " +
    "sysctl kernel.perf_event_paranoid=1, or a container's seccomp profile";
library.close();

/**
 * Registers a test that is ignored if recording is not allowed, or for a reason of its own.
 * With `CI=true` it fails instead.
 */
export function itWithRecorder(
  name: string,
  fn: () => Promise<void>,
  ownReason?: string,
): void {
  const reason = refused ?? ownReason;
  if (reason !== undefined && Deno.env.get("CI") === "true") {
    it(name, () => {
      throw new Error(reason);
    });
  } else {
    itUnless(reason, name, fn);
  }
}
