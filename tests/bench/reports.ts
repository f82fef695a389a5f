/**
 * How long a report takes.
 *
 * @module
 */

import { JitDumpFile } from "../../mod.ts";
import { runOrThrow } from "../support/perf.ts";
import { FUNCTIONS, manyFunctions } from "./many_functions.ts";
import { median, type Report } from "./report.ts";

const ROUNDS = 3;

/** Reports a large program, of which a stand-in for perf tells; see perf_stand_in.ts. */
export async function benchReport(
  report: Report,
  directory: string,
): Promise<void> {
  const dump = `${directory}/jit-${Deno.pid}.dump`;
  {
    using file = new JitDumpFile(dump);
    file.dumpFunctions(manyFunctions());
  }
  const perf = new URL("perf_stand_in.ts", import.meta.url).href;
  await Deno.writeTextFile(
    `${directory}/perf`,
    `#!/bin/sh\nexec '${Deno.execPath()}' run --allow-all '${perf}' "$@"\n`,
    { mode: 0o755 },
  );
  const runs: Record<string, number>[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const { stdout } = await runOrThrow([
      Deno.execPath(),
      "run",
      "--allow-all",
      new URL("report_many.ts", import.meta.url).href,
      "/nowhere/perf.data",
    ], {
      env: {
        PATH: `${directory}:${Deno.env.get("PATH")}`,
        DUMP: dump,
        PROCESS: String(Deno.pid),
      },
    });
    runs.push(JSON.parse(stdout));
  }
  const [{ samples }] = runs;
  report.section(
    `a report of ${FUNCTIONS} functions, ${samples} samples of 10 calls`,
  );
  report.row("seconds, median", median(runs.map(({ seconds }) => seconds)));
  report.row(
    "peak memory in MiB, most",
    Math.max(...runs.map(({ peakMiB }) => peakMiB)),
  );
  await Deno.remove(dump);
}
