/**
 * A test of whether the processor counts an event. Some virtual machines open events that
 * they never count.
 *
 * @module
 */

import type { Libc } from "../../ffi/libc.ts";
import {
  closePerfEvent,
  openPerfEvent,
  readPerfEvent,
} from "../../ffi/perf_event.ts";
import { packAttr } from "../perf_data/new_attr.ts";
import type { RecordedEvent } from "./event.ts";

/** Number of rounds of the loop that is counted, which takes well under a millisecond. */
const ROUNDS = 100_000;

/** Returns whether an event of this thread counts a busy loop. */
export function isCounted(libc: Libc, event: RecordedEvent): boolean {
  const attr = packAttr({
    type: event.type,
    config: event.config,
    flags: ["excludeKernel", "excludeHypervisor"],
  });
  const fd = openPerfEvent(libc, attr, 0, -1);
  if (fd < 0) return false;
  try {
    const before = readPerfEvent(libc, fd);
    let sum = 0;
    for (let i = 0; i < ROUNDS; i++) sum = (sum + i) | 0;
    return readPerfEvent(libc, fd) > before && sum !== 1;
  } finally {
    closePerfEvent(libc, fd);
  }
}
