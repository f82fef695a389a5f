/**
 * Writes functions with one of this module's methods. Prints nanoseconds of opening, then
 * wall time, user time and system time of one function in nanoseconds; or crashes instead
 * of closing the dump.
 *
 *     deno run --allow-all tests/bench/write_functions.ts METHOD SINK DIRECTORY \
 *         THREADS COUNT CODE_SIZE NAME_SIZE [crash]
 *
 * @module
 */

/// <reference lib="deno.worker" />

import { JitDumpFile, type JitFunction, type Sink } from "../../mod.ts";

/** A method; `"lines"` is `dumpFunction()` with three source lines. */
export type Method = "dumpFunction" | "dumpFunctions" | "lines";

interface Task {
  method: Method;
  directory: string;
  /** Number of functions that are written before the measurement, and in it. */
  warmUp: number;
  count: number;
  fn: JitFunction;
  /** Number of threads that are ready, and a flag: 1 to start. */
  gate: SharedArrayBuffer;
}

/**
 * Maximum functions and bytes that are written before the measurement, so that V8 compiles
 * the writer.
 */
const WARM_UP = { functions: 5000, bytes: 16 * 2 ** 20 };

/**
 * Returns the number of functions that each thread writes before the measurement. V8 (15)
 * compiles the writer once for each thread, on as many threads as there are CPUs.
 */
const warmUpOf = ({ code }: JitFunction, threads: number) =>
  Math.min(WARM_UP.functions * threads, Math.ceil(WARM_UP.bytes / code.length));

function write(
  dump: JitDumpFile,
  method: Method,
  count: number,
  fn: JitFunction,
) {
  if (method === "dumpFunctions") dump.dumpFunctions(Array(count).fill(fn));
  else for (let i = 0; i < count; i++) dump.dumpFunction(fn);
}

function work(
  { method, directory, warmUp, count, fn, gate }: Task,
): void {
  using dump = JitDumpFile.forProcess(directory);
  write(dump, method, warmUp, fn);
  const [ready, start] = [0, 1];
  const words = new Int32Array(gate);
  Atomics.add(words, ready, 1);
  Atomics.notify(words, ready);
  Atomics.wait(words, start, 0);
  write(dump, method, count, fn);
}

/** Returns wall time, and user and system time of this process, in nanoseconds. */
function timesNow(): number[] {
  const { user, system } = process.cpuUsage();
  return [performance.now() * 1e6, user * 1e3, system * 1e3];
}

const WORKER = "writer";

if (self.name === WORKER) {
  self.onmessage = ({ data }) => {
    work(data);
    self.postMessage("done");
  };
} else if (import.meta.main) {
  const [method, sink, directory, ...numbers] = Deno.args as [
    Method,
    Sink,
    string,
  ];
  const [threads, count, codeSize, nameSize] = numbers.map(Number);
  const isToCrash = numbers.length > 4;
  const fn: JitFunction = {
    name: "f".repeat(nameSize),
    code: new Uint8Array(new ArrayBuffer(codeSize)).fill(0x90),
    lines: method === "lines"
      ? [0, 64, 128].map((offset, i) => ({
        offset,
        line: i + 1,
        file: "/a.js",
      }))
      : undefined,
  };
  const warmUp = warmUpOf(fn, threads);
  let opening = 0;
  let start: number[];
  if (threads === 1) {
    const before = performance.now();
    using dump = JitDumpFile.forProcess(directory, { sink });
    opening = (performance.now() - before) * 1e6;
    if (!isToCrash) write(dump, method, warmUp, fn);
    start = timesNow();
    write(dump, method, count, fn);
    if (isToCrash) Deno.kill(Deno.pid, "SIGKILL");
  } else {
    const gate = new SharedArrayBuffer(8);
    const words = new Int32Array(gate);
    const done = Array.from({ length: threads }, () => {
      const worker = new Worker(import.meta.url, {
        type: "module",
        name: WORKER,
      });
      worker.postMessage({ method, directory, warmUp, count, fn, gate });
      return new Promise((resolve) => worker.onmessage = resolve);
    });
    while (Atomics.load(words, 0) < threads) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    start = timesNow();
    Atomics.store(words, 1, 1);
    Atomics.notify(words, 1);
    await Promise.all(done);
  }
  const times = timesNow().map((end, i) => (end - start[i]) / threads / count);
  console.log(opening, ...times);
  Deno.removeSync(`${directory}/jit-${Deno.pid}.dump`);
  Deno.exit();
}
