/**
 * A recording of jitted functions with a dump and a source file.
 *
 * @module
 */

import { join } from "@std/path";
import { DumpBuilder, type Entry } from "./build_dump.ts";
import { RecordingBuilder, START } from "./build_recording.ts";

const AT = 0x7000_0000;
const SIZE = 0x10;

/** The functions of the recording, with the offsets of their samples in them. */
const FUNCTIONS: [name: string, samples: number[]][] = [
  ["w:fib/1", [0, 3, 3, 3]],
  ["fib_helper", [0, 0]],
  ["JIT$fib", [1]],
  ["idle", []],
  ["JS:*'hot /a.js:1:1", [0, 0, 0, 0, 0]],
];

/** Writes the recording and its dump; the first function has two lines in three entries. */
export function writeRecording(directory: string): void {
  const source = join(directory, "fib.calc");
  Deno.writeTextFileSync(source, "fn fib(n) {\n  return n\n}\n");
  const dump = new DumpBuilder();
  const recording = new RecordingBuilder();
  const code = new Uint8Array(SIZE).fill(0x90);
  for (const [i, [name]] of FUNCTIONS.entries()) {
    const address = BigInt(AT + i * SIZE);
    const lines: Entry[] = [
      [address, 1, source],
      [address + 2n, 2, source],
      [address + 3n, 2, source],
    ];
    if (i === 0) dump.debugInfo(address, lines, START);
    dump.load({ name, address, code, time: START, index: BigInt(i) });
  }
  const path = join(directory, "jit-7.dump");
  Deno.writeFileSync(path, dump.bytes);
  recording.mapDump(path);
  for (const [i, [, samples]] of FUNCTIONS.entries()) {
    for (const offset of samples) {
      recording.sample(AT + i * SIZE + offset, { period: 1e6 });
    }
  }
  Deno.writeFileSync(join(directory, "perf.data"), recording.file());
}
