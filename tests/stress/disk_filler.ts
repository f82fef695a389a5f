/**
 * A program that dumps functions to a full file system, on which it frees space step by
 * step, and then copies the dump to another directory; see full_disk.ts.
 *
 *     deno run --allow-all tests/stress/disk_filler.ts DIRECTORY WRITERS ROUNDS SIZES SINK COPY
 *
 * @module
 */

/// <reference lib="deno.worker" />

import {
  JitDumpError,
  JitDumpFile,
  type JitFunction,
  type Sink,
} from "../../mod.ts";

/** Bytes that each round frees. */
const FREED = 32 * 1024;

/** Bytes that the last round frees: enough for two of the largest functions per writer. */
const FREED_LAST = 8 * FREED;

/** Number of failures of every writer before a round frees space. */
const FAILURES = 30;

/** Index of the function that each writer writes last. */
const LAST = 1e9;

/** The calls of a writer. */
export interface WriterOutcome {
  /** The indices of the functions whose calls have returned. */
  written: number[];
  /** Number of failed calls by error code. */
  failures: Record<string, number>;
}

/**
 * Sizes of records. `"mixed"`: all sizes, so that the disk is full at any byte of a
 * record. `"equal"`: 292 bytes, so that 8 bytes of a record fit at the end of each page.
 */
export type Sizes = "mixed" | "equal";

const EQUAL_SIZE = 292;

export function diskFunction(
  writer: number,
  index: number,
  sizes: Sizes,
): JitFunction {
  const name = `w${writer} f${index}`;
  const size = sizes === "equal"
    ? EQUAL_SIZE - 56 - name.length - 1
    : index % 50 === 49
    ? 30_000
    : 1 + (index * 7919) % 2500;
  return {
    name,
    code: new Uint8Array(new ArrayBuffer(size)).fill(index % 251),
    address: 4096,
  };
}

interface Task {
  path: string;
  writer: number;
  sizes: Sizes;
  sink: Sink;
  /** Number of failures of each writer, followed by a flag: 1 to stop. */
  counters: SharedArrayBuffer;
}

function fill({ path, writer, sizes, sink, counters }: Task): WriterOutcome {
  const failed = new Int32Array(counters);
  const written: number[] = [];
  const failures: Record<string, number> = {};
  using dump = new JitDumpFile(path, undefined, { sink });
  if (dump.sink !== sink) throw new Error(`the sink is ${dump.sink}`);
  const tryWrite = (index: number): boolean => {
    try {
      dump.dumpFunction(diskFunction(writer, index, sizes));
      written.push(index);
      return true;
    } catch (error) {
      if (!(error instanceof JitDumpError)) throw error;
      failures[error.code] = (failures[error.code] ?? 0) + 1;
      Atomics.add(failed, writer, 1);
      return false;
    }
  };
  const isOver = failed.length - 1;
  for (let index = 0; !Atomics.load(failed, isOver); index++) {
    tryWrite(index);
  }
  // The last round frees enough space for this function of each writer.
  while (!tryWrite(LAST)) Atomics.wait(failed, isOver, 1, 1);
  return { written, failures };
}

const WRITER = "writer";

if (self.name === WRITER) {
  self.onmessage = ({ data }) => self.postMessage(fill(data));
} else if (import.meta.main) {
  const [directory, writers, rounds, sizes, sink, copy] = Deno.args;
  const path = `${directory}/some.dump`;
  const fillers = Array.from({ length: Number(rounds) }, (_, i) => {
    const filler = `${directory}/filler-${i}`;
    const size = i === Number(rounds) - 1 ? FREED_LAST : FREED;
    Deno.writeFileSync(filler, new Uint8Array(size));
    return filler;
  });
  const counters = new SharedArrayBuffer(4 * (Number(writers) + 1));
  const failed = new Int32Array(counters);
  const outcomes = Array.from({ length: Number(writers) }, (_, writer) => {
    const worker = new Worker(import.meta.url, {
      type: "module",
      name: WRITER,
    });
    worker.postMessage({ path, writer, sizes, sink, counters });
    return new Promise<WriterOutcome>((resolve) => {
      worker.onmessage = ({ data }) => resolve(data);
    });
  });
  for (const [round, filler] of fillers.entries()) {
    const isFull = () =>
      failed.subarray(0, -1).every((count) => count >= FAILURES * (round + 1));
    while (!isFull()) await new Promise((resolve) => setTimeout(resolve, 1));
    if (round === fillers.length - 1) {
      Atomics.store(failed, failed.length - 1, 1);
    }
    Deno.removeSync(filler);
  }
  console.log(JSON.stringify(await Promise.all(outcomes)));
  Deno.copyFileSync(path, copy);
  Deno.exit();
}
