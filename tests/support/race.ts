/**
 * Threads that do something at the same moment.
 *
 * @module
 */

import { join } from "@std/path";
import { type CommandLine, runOrThrow } from "./perf.ts";
import { MOD, scriptCommand } from "./script.ts";

/** A race in a process of its own. */
export interface Race {
  /** How many threads there are, and how often they start. */
  threads: number;
  rounds: number;
  /** What each does in each round; it has `JitDumpFile`, `thread` and `round`. */
  body: string;
}

/**
 * The command that holds a race: in each round the threads start together, at a gun that
 * they watch closely. It prints "done".
 */
export function raceCommand(
  directory: string,
  { threads, rounds, body }: Race,
): CommandLine {
  const worker = join(directory, "racer.ts");
  const shared = `const [ready, gun] =
    [new Int32Array(shared, 0, 1), new Int32Array(shared, 4, 1)];`;
  Deno.writeTextFileSync(
    worker,
    `import { JitDumpFile } from "${MOD}";
     self.onmessage = ({ data: { shared, thread } }) => {
       ${shared}
       for (let round = 0; round < ${rounds}; round++) {
         Atomics.add(ready, 0, 1);
         while (Atomics.load(gun, 0) <= round);
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
      Atomics.add(gun, 0, 1);
    }
    await Promise.all(workers);
    console.log("done");
    Deno.exit();`;
  return scriptCommand(directory, source, ["--allow-all"]);
}

/** Holds a race, and throws where one of the threads does. */
export async function holdRace(directory: string, race: Race): Promise<void> {
  const { stdout, stderr } = await runOrThrow(raceCommand(directory, race));
  if (stdout !== "done\n" || stderr !== "") throw new Error(stdout + stderr);
}
