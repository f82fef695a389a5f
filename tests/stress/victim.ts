/**
 * A program that dumps functions until it is killed. Each call that has returned is
 * acknowledged by a byte in a file of its own.
 *
 *     deno run --allow-all tests/stress/victim.ts DUMPS ACKNOWLEDGEMENTS WRITERS SINK
 *
 * @module
 */

/// <reference lib="deno.worker" />

import { JitDumpError, JitDumpFile, type Sink } from "../../mod.ts";
import { SAMPLE_MACHINE, sampleFunction } from "./sample.ts";

/** Where the dump goes, and where the acknowledgements. */
export interface Places {
  dumps: string;
  acknowledgements: string;
}

/** The dump, and a writer's acknowledgements. */
export const dumpPath = ({ dumps }: Places) => `${dumps}/some.dump`;
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
      // There may be room later.
      if (error instanceof JitDumpError) continue;
      throw error;
    }
    acknowledged.writeSync(byte);
    number++;
  }
}

/** What a worker that writes is called. */
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
