import { join } from "@std/path";
import { describe } from "@std/testing/bdd";
import { perfProfFlags } from "../../src/v8.ts";
import {
  assertMost,
  chainsTo,
  DEMO_FUNCTION,
  hasJavaScript,
  hasJittedCallers,
  hasStart,
} from "../support/call_chains.ts";
import { by, recordCommand, runOrThrow } from "../support/perf.ts";
import { installedPerfs, type Perf } from "../support/perfs.ts";
import { demoCommand } from "../support/profile.ts";
import { temporaryDirectory } from "../support/script.ts";
import { itWithPerf } from "../support/with_perf.ts";

/** Records the demo without frame pointers. V8 logs the names of JavaScript functions. */
async function record(
  { program }: Perf,
  directory: string,
  stack: number,
): Promise<string> {
  const v8 = join(directory, "v8");
  Deno.mkdirSync(v8);
  const [deno, run, ...args] = demoCommand(directory);
  const data = join(directory, "perf.data");
  await runOrThrow(by(
    program,
    recordCommand(
      data,
      [deno, run, `--v8-flags=${perfProfFlags(v8)}`, ...args],
      ...["-F", "999", "-m", "32M", "--call-graph", `dwarf,${stack}`],
    ),
  ));
  return data;
}

const perfs = await installedPerfs();

describe("the chains of jitted functions without frame pointers", () => {
  // If no perf is installed, this test reports it.
  if (perfs.length === 0) {
    itWithPerf("are complete when perf has recorded them", async () => {});
  }
  for (const perf of perfs) {
    itWithPerf(
      `have Deno and the thread's start when perf ${perf.version} has recorded 32 KiB of stack`,
      async () => {
        using directory = temporaryDirectory();
        const data = await record(perf, directory.path, 32768);
        const chains = await chainsTo(DEMO_FUNCTION, data);
        assertMost(98, chains, hasJittedCallers);
        assertMost(98, chains, hasJavaScript);
        assertMost(90, chains, hasStart);
      },
    );

    itWithPerf(
      `have the JavaScript caller when perf ${perf.version} has recorded 4 KiB of stack`,
      async () => {
        using directory = temporaryDirectory();
        const data = await record(perf, directory.path, 4096);
        const chains = await chainsTo(DEMO_FUNCTION, data);
        assertMost(98, chains, hasJittedCallers);
        assertMost(98, chains, hasJavaScript);
      },
    );
  }
});
