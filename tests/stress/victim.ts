/**
 * A program that dumps functions until it is killed. Each call that has returned is
 * acknowledged by a byte in a file of its own.
 *
 *     deno run --allow-all tests/stress/victim.ts DIRECTORY WRITERS
 *
 * @module
 */

/// <reference lib="deno.worker" />

import { JitDumpFile } from "../../mod.ts";
import { SAMPLE_MACHINE, sampleFunction } from "./sample.ts";

/** The dump, and a writer's acknowledgements. */
export const dumpPath = (directory: string) => `${directory}/some.dump`;
export const acknowledgedPath = (directory: string, writer: number) =>
  `${directory}/acknowledged-${writer}`;

function write(directory: string, writer: number): never {
  const dump = new JitDumpFile(dumpPath(directory), SAMPLE_MACHINE);
  const acknowledged = Deno.openSync(acknowledgedPath(directory, writer), {
    append: true,
    create: true,
  });
  const byte = new Uint8Array(1);
  for (let number = 0;; number++) {
    dump.dumpFunction(sampleFunction(writer, number));
    acknowledged.writeSync(byte);
  }
}

/** What a worker that writes is called. */
const WRITER = "writer";

if (self.name === WRITER) {
  self.onmessage = ({ data }) => write(data.directory, data.writer);
  self.postMessage("up");
} else if (import.meta.main) {
  const [directory, writers] = Deno.args;
  for (let writer = 1; writer < Number(writers); writer++) {
    const worker = new Worker(import.meta.url, {
      type: "module",
      name: WRITER,
    });
    await new Promise((resolve) => worker.onmessage = resolve);
    worker.postMessage({ directory, writer });
  }
  console.log("up");
  write(directory, 0);
}
