/**
 * A program that dumps functions until it is killed. It acknowledges each call that has
 * returned by a byte in another file.
 *
 *     deno run --allow-all tests/stress/victim.ts DUMPS ACKNOWLEDGEMENTS WRITERS SINK
 *
 * @module
 */

/// <reference lib="deno.worker" />

import { JitDumpError, JitDumpFile, type Sink } from "../../mod.ts";
import { SAMPLE_MACHINE, sampleFunction } from "./sample.ts";

/** Directories of the dump and of the acknowledgements. */
export interface Directories {
  dumps: string;
  acknowledgements: string;
}

/** Returns the path of the dump. */
export const dumpPath = ({ dumps }: Directories) => `${dumps}/some.dump`;

/** Returns the path of a writer's acknowledgements. */
export const acknowledgedPath = (directories: Directories, writer: number) =>
  `${directories.acknowledgements}/acknowledged-${writer}`;

function write(directories: Directories, writer: number, sink: Sink): never {
  const dump = new JitDumpFile(dumpPath(directories), SAMPLE_MACHINE, { sink });
  if (dump.sink !== sink) throw new Error(`the sink is ${dump.sink}`);
  const acknowledged = Deno.openSync(acknowledgedPath(directories, writer), {
    append: true,
    create: true,
  });
  const byte = new Uint8Array(1);
  for (let index = 0;;) {
    try {
      dump.dumpFunction(sampleFunction(writer, index));
    } catch (error) {
      // There may be space later.
      if (error instanceof JitDumpError) continue;
      throw error;
    }
    acknowledged.writeSync(byte);
    index++;
  }
}

/** Name of the workers. */
const WRITER = "writer";

if (self.name === WRITER) {
  self.onmessage = ({ data }) =>
    write(data.directories, data.writer, data.sink);
  self.postMessage("up");
} else if (import.meta.main) {
  const [dumps, acknowledgements, writers, name] = Deno.args;
  const sink = name as Sink;
  const directories = { dumps, acknowledgements };
  for (let writer = 1; writer < Number(writers); writer++) {
    const worker = new Worker(import.meta.url, {
      type: "module",
      name: WRITER,
    });
    await new Promise((resolve) => worker.onmessage = resolve);
    worker.postMessage({ directories, writer, sink });
  }
  console.log("up");
  write(directories, 0, sink);
}
