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
  for (let index = 0; index < functions; index += BATCH) {
    const batch = Array.from(
      { length: Math.min(BATCH, functions - index) },
      (_, i) => sampleFunction(writer, index + i),
    );
    if (index / BATCH % 2) dump.dumpFunctions(batch);
    else for (const fn of batch) dump.dumpFunction(fn);
    if (index === 0) self.postMessage("writing");
    // Deno (2.9) terminates a worker only while it waits.
    await new Promise((resolve) => setTimeout(resolve));
  }
  self.postMessage("done");
};
