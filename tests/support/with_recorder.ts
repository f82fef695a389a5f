/**
 * Tests that need the kernel's permission to record.
 *
 * @module
 */

import { openLibc } from "../../ffi/libc.ts";
import { isCounted } from "../../src/recorder/counting.ts";
import { parseEvent } from "../../src/recorder/event.ts";
import { itRequiring } from "./it_unless.ts";

const library = openLibc((message) => new Error(message));
const reason = isCounted(library.symbols, parseEvent("cpu-clock")!)
  ? undefined
  : "this user may not record: " +
    "sysctl kernel.perf_event_paranoid=1, or a container's seccomp profile";
library.close();

/**
 * Registers a test that is ignored, or fails in a CI job, if recording is not allowed or
 * there is another reason.
 */
export const itWithRecorder = (
  name: string,
  fn: () => Promise<void>,
  otherReason?: string,
): void => itRequiring(reason ?? otherReason, name, fn);
