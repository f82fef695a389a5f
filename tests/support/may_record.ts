/**
 * The kernel's permission to record.
 *
 * @module
 */

import { openLibc } from "../../ffi/libc.ts";
import { isCounted } from "../../src/recorder/counting.ts";
import { parseEvent } from "../../src/recorder/event.ts";

const library = openLibc((message) => new Error(message));

/** Reason why tests that record are ignored; undefined if they can run. */
export const noRecorder = isCounted(library.symbols, parseEvent("cpu-clock")!)
  ? undefined
  : "this user may not record: " +
    "sysctl kernel.perf_event_paranoid=1, or a container's seccomp profile";

library.close();
