/**
 * A writer of the crowd: a worker that dumps functions, singly and in batches.
 *
 * @module
 */

/// <reference lib="deno.worker" />

import { JitDumpFile } from "../../mod.ts";
import { SAMPLE_MACHINE, sampleFunction } from "./sample.ts";

/** Every other hundred is dumped at once. */
const BATCH = 100;

self.onmessage = async (
  { data: { path, writer, functions } }: MessageEvent<
    { path: string; writer: number; functions: number }
  >,
) => {
  using dump = new JitDumpFile(path, SAMPLE_MACHINE);
  self.postMessage("open");
  for (let number = 0; number < functions; number += BATCH) {
    const batch = Array.from(
      { length: Math.min(BATCH, functions - number) },
      (_, i) => sampleFunction(writer, number + i),
    );
    if (number / BATCH % 2) dump.dumpFunctions(batch);
    else for (const fn of batch) dump.dumpFunction(fn);
    // Deno terminates a worker only where it waits.
    await new Promise((resolve) => setTimeout(resolve));
  }
  self.postMessage("done");
};
