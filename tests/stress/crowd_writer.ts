/**
 * A worker that dumps functions, one by one and in batches.
 *
 * @module
 */

/// <reference lib="deno.worker" />

import { JitDumpFile } from "../../mod.ts";
import { SAMPLE_MACHINE, sampleFunction } from "./sample.ts";

/** Number of functions in a batch; every other batch is dumped in one call. */
const BATCH = 100;

self.onmessage = async (
  { data: { path, writer, functions } }: MessageEvent<
    { path: string; writer: number; functions: number }
  >,
) => {
  using dump = new JitDumpFile(path, SAMPLE_MACHINE);
  for (let number = 0; number < functions; number += BATCH) {
    const batch = Array.from(
      { length: Math.min(BATCH, functions - number) },
      (_, i) => sampleFunction(writer, number + i),
    );
    if (number / BATCH % 2) dump.dumpFunctions(batch);
    else for (const fn of batch) dump.dumpFunction(fn);
    if (number === 0) self.postMessage("writing");
    // Deno terminates a worker only while it waits.
    await new Promise((resolve) => setTimeout(resolve));
  }
  self.postMessage("done");
};
