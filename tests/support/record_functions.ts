/**
 * Recordings of functions that a dump names.
 *
 * @module
 */

import { join } from "@std/path";
import { DumpBuilder } from "./build_dump.ts";
import {
  RecordingBuilder,
  type SampleFields,
  START,
  USER,
} from "./build_recording.ts";

const AT = 0x7000_0000;
const SIZE = 0x40;

/** A sample of a call chain: the names of functions, innermost first. */
export interface FunctionSample extends Omit<SampleFields, "chain"> {
  readonly chain: readonly string[];
}

/**
 * Writes a recording and its dump to a new directory. Samples have a period of 1 ms, and
 * the functions are those of their chains.
 */
export function recordFunctions(
  path: string,
  samples: readonly FunctionSample[],
  threads: Record<number, string> = {},
): void {
  Deno.mkdirSync(path);
  const names = [...new Set(samples.flatMap(({ chain }) => chain))];
  const addressOf = (name: string) => AT + SIZE * names.indexOf(name);
  const builder = new DumpBuilder();
  for (const [i, name] of names.entries()) {
    builder.load({
      ...{ name, index: BigInt(i), time: START, code: new Uint8Array(SIZE) },
      address: BigInt(addressOf(name)),
    });
  }
  const dump = join(path, "jit-7.dump");
  Deno.writeFileSync(dump, builder.bytes);
  const recording = new RecordingBuilder().mapDump(dump);
  for (const [tid, name] of Object.entries(threads)) {
    recording.comm(Number(tid), name);
  }
  for (const { chain, ...fields } of samples) {
    // The address of a caller is its return address.
    const addresses = chain.map((name, i) => addressOf(name) + (i > 0 ? 8 : 0));
    recording.sample(addresses[0], {
      period: 1e6,
      ...fields,
      chain: [USER, ...addresses],
    });
  }
  Deno.writeFileSync(join(path, "perf.data"), recording.file());
}
