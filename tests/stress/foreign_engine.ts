/**
 * A foreign engine in the same process: a worker that appends records with plain writes
 * until it is stopped.
 *
 * @module
 */

/// <reference lib="deno.worker" />

import { CodeLoadRecord, RecordId } from "../../mod.ts";

/** Returns a JIT_CODE_LOAD record. */
function foreignLoad(index: number): Uint8Array<ArrayBuffer> {
  const name = new TextEncoder().encode(`foreign ${index}\0`);
  const codeSize = 1 + index % 500;
  const totalSize = CodeLoadRecord.size + name.length + codeSize;
  const record = new Uint8Array(new ArrayBuffer(totalSize));
  CodeLoadRecord.pack({
    header: { id: RecordId.JitCodeLoad, totalSize, timestamp: 1n },
    pid: Deno.pid,
    tid: Deno.pid,
    vma: 4096n,
    codeAddr: 4096n,
    codeSize: BigInt(codeSize),
    codeIndex: BigInt(index),
  }, record);
  record.set(name, CodeLoadRecord.size);
  record.fill(index % 251, totalSize - codeSize);
  return record;
}

/** Number of records that are written even if the engine is stopped earlier. */
const MINIMUM = 1001;

/** Number of records between pauses of a millisecond. */
const BURST = 20;

self.onmessage = (
  { data: { path, stop } }: MessageEvent<
    { path: string; stop: SharedArrayBuffer }
  >,
) => {
  const isOver = new Int32Array(stop);
  using file = Deno.openSync(path, { append: true });
  let count = 0;
  while (Atomics.wait(isOver, 0, 0, 1) === "timed-out" || count < MINIMUM) {
    for (const end = count + BURST; count < end; count++) {
      const record = foreignLoad(count);
      if (file.writeSync(record) !== record.length) {
        throw new Error("short write");
      }
    }
  }
  self.postMessage(count);
};
