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
export interface Places {
  dumps: string;
  acknowledgements: string;
}

/** Returns the path of the dump. */
export const dumpPath = ({ dumps }: Places) => `${dumps}/some.dump`;

/** Returns the path of a writer's acknowledgements. */
export const acknowledgedPath = (places: Places, writer: number) =>
  `${places.acknowledgements}/acknowledged-${writer}`;

function write(places: Places, writer: number, sink: Sink): never {
  const dump = new JitDumpFile(dumpPath(places), SAMPLE_MACHINE, { sink });
  if (dump.sink !== sink) throw new Error(`the sink is ${dump.sink}`);
  const acknowledged = Deno.openSync(acknowledgedPath(places, writer), {
    append: true,
    create: true,
  });
  const byte = new Uint8Array(1);
  for (let number = 0;;) {
    try {
      dump.dumpFunction(sampleFunction(writer, number));
    } catch (error) {
      // There may be space later.
      if (error instanceof JitDumpError) continue;
      throw error;
    }
    acknowledged.writeSync(byte);
    number++;
  }
}

/** Name of the workers. */
const WRITER = "writer";

if (self.name === WRITER) {
  self.onmessage = ({ data }) => write(data.places, data.writer, data.sink);
  self.postMessage("up");
} else if (import.meta.main) {
  const [dumps, acknowledgements, writers, name] = Deno.args;
  const sink = name as Sink;
  const places = { dumps, acknowledgements };
  for (let writer = 1; writer < Number(writers); writer++) {
    const worker = new Worker(import.meta.url, {
      type: "module",
      name: WRITER,
    });
    await new Promise((resolve) => worker.onmessage = resolve);
    worker.postMessage({ places, writer, sink });
  }
  console.log("up");
  write(places, 0, sink);
}
