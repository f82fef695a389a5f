/**
 * Concurrent writers of one dump: workers, a foreign engine, and a worker that is
 * terminated while it writes.
 *
 * @module
 */

import { JitDumpFile } from "../../mod.ts";
import { type ParsedFunction, readFunctions } from "../support/parse_dump.ts";
import { recognize, SAMPLE_MACHINE } from "./sample.ts";

/** The contents of the dump. */
export interface CrowdCounts {
  functions: number;
  ofTerminated: number;
  foreign: number;
  bytes: number;
}

const TERMINATED_AFTER_MS = 150;

const start = (module: string) =>
  new Worker(new URL(module, import.meta.url), { type: "module" });

const message = (worker: Worker) =>
  new Promise<unknown>((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
  });

/** Starts a writer, and waits until it has written functions. */
async function startWriter(data: unknown): Promise<Worker> {
  const worker = start("crowd_writer.ts");
  worker.postMessage(data);
  await message(worker);
  return worker;
}

/**
 * Runs `writers` workers that each dump `functions` functions into one file. Checks that
 * the file has each function once, complete, with its source lines and unwind info.
 */
export async function crowd(
  path: string,
  writers: number,
  functions: number,
): Promise<CrowdCounts> {
  // Writes the header before the foreign engine appends.
  using _dump = new JitDumpFile(path, SAMPLE_MACHINE);
  const stop = new SharedArrayBuffer(4);
  const engine = start("foreign_engine.ts");
  engine.postMessage({ path, stop });
  const counted = message(engine);

  const terminated = await startWriter({
    path,
    writer: writers,
    functions: 1e9,
  });
  setTimeout(() => terminated.terminate(), TERMINATED_AFTER_MS);
  const workers = Array.from(
    { length: writers },
    (_, writer) => startWriter({ path, writer, functions }),
  );
  await Promise.all(workers.map(async (worker) => message(await worker)));
  Atomics.store(new Int32Array(stop), 0, 1);
  const foreign = await counted as number;
  for (const worker of workers) (await worker).terminate();
  engine.terminate();
  return check(path, { writers, functions, foreign });
}

function check(
  path: string,
  expected: { writers: number; functions: number; foreign: number },
): CrowdCounts {
  const indices = Array.from(
    { length: expected.writers + 1 },
    () => new Set<number>(),
  );
  let foreign = 0;
  for (const fn of readFunctions(path)) {
    if (fn.name.startsWith("foreign")) checkForeign(fn, foreign++);
    else {
      const { writer, index } = recognize(fn);
      // Each writer's functions are in order, so none occurs twice.
      if (index !== indices[writer].size) {
        throw new Error(
          `${fn.name} follows ${indices[writer].size} others`,
        );
      }
      indices[writer].add(index);
    }
  }
  const ofTerminated = indices.pop()!.size;
  indices.forEach(({ size }, writer) => {
    if (size === expected.functions) return;
    throw new Error(
      `writer ${writer}: ${size} of ${expected.functions} functions`,
    );
  });
  if (foreign !== expected.foreign) {
    throw new Error(
      `foreign engine: ${foreign} of ${expected.foreign} functions`,
    );
  }
  return {
    functions: expected.writers * expected.functions,
    ofTerminated,
    foreign,
    bytes: Deno.statSync(path).size,
  };
}

/** Checks that a foreign function is complete, without lines of other functions. */
function checkForeign(fn: ParsedFunction, index: number): void {
  const isWhole = fn.name === `foreign ${index}` &&
    fn.code.length === 1 + index % 500 &&
    fn.code.every((byte) => byte === index % 251) &&
    !fn.debugInfo && !fn.unwindingInfo;
  if (!isWhole) throw new Error(`${fn.name} differs from what was written`);
}
