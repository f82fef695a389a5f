/**
 * Threads that run code at the same time.
 *
 * @module
 */

import { join } from "@std/path";
import { type CommandLine, runOrThrow } from "./perf.ts";
import { MOD, scriptCommand } from "./script.ts";

/** Threads of one process, and the code that they run. */
export interface Race {
  /** Number of threads. */
  threads: number;
  /** Number of times that each thread runs `body`. */
  rounds: number;
  /** Source code, which can use `JitDumpFile`, `thread` and `round`. */
  body: string;
}

/**
 * Returns a command that runs a race and prints "done". The threads poll a shared
 * counter, so that they start each round together.
 */
export function raceCommand(
  directory: string,
  { threads, rounds, body }: Race,
): CommandLine {
  const worker = join(directory, "thread.ts");
  const shared = `const [ready, startedRounds] =
    [new Int32Array(shared, 0, 1), new Int32Array(shared, 4, 1)];`;
  Deno.writeTextFileSync(
    worker,
    `import { JitDumpFile } from "${MOD}";
     self.onmessage = ({ data: { shared, thread } }) => {
       ${shared}
       for (let round = 0; round < ${rounds}; round++) {
         Atomics.add(ready, 0, 1);
         while (Atomics.load(startedRounds, 0) <= round);
         ${body}
       }
       self.postMessage("done");
     };`,
  );
  const source = `
    const shared = new SharedArrayBuffer(8);
    ${shared}
    const workers = Array.from({ length: ${threads} }, (_, thread) => {
      const worker = new Worker("file://${worker}", { type: "module" });
      worker.postMessage({ shared, thread });
      return new Promise((resolve) => worker.onmessage = resolve);
    });
    for (let round = 0; round < ${rounds}; round++) {
      while (Atomics.load(ready, 0) < ${threads} * (round + 1)) {
        await new Promise((resolve) => setTimeout(resolve));
      }
      Atomics.add(startedRounds, 0, 1);
    }
    await Promise.all(workers);
    console.log("done");
    Deno.exit();`;
  return scriptCommand(directory, source, ["--allow-all"]);
}

/** Runs a race. Throws if a thread throws. */
export async function runRace(directory: string, race: Race): Promise<void> {
  const { stdout, stderr } = await runOrThrow(raceCommand(directory, race));
  if (stdout !== "done\n" || stderr !== "") throw new Error(stdout + stderr);
}
