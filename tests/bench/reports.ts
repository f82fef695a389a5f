/**
 * Measurements of the report.
 *
 * @module
 */

import { JitDumpFile } from "../../mod.ts";
import { isInstalled, runOrThrow } from "../support/perf.ts";
import { FUNCTIONS, manyFunctions } from "./many_functions.ts";
import { DEPTH, manySamples } from "./recording.ts";
import { median, type Report } from "./report.ts";

const ROUNDS = 3;

/** Sizes of recordings: one whose chains all differ, and a large one. */
const SIZES = [
  { samples: 100_000, chains: 100_000 },
  { samples: 1_000_000, chains: 20_000 },
];

/** Reports recordings of a large program, and compares with `perf script`. */
export async function benchReport(
  report: Report,
  directory: string,
): Promise<void> {
  const dump = `${directory}/jit-${Deno.pid}.dump`;
  const data = `${directory}/perf.data`;
  {
    using file = new JitDumpFile(dump);
    file.dumpFunctions(manyFunctions());
  }
  const hasPerf = await isInstalled("perf");
  for (const size of SIZES) {
    Deno.writeFileSync(data, manySamples({ pid: Deno.pid, dump, ...size }));
    const runs: Record<string, number>[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const { stdout } = await runOrThrow([
        ...[Deno.execPath(), "run", "--no-config", "--allow-all"],
        ...[new URL("report_many.ts", import.meta.url).href, data],
      ] as [string, ...string[]]);
      runs.push(JSON.parse(stdout));
    }
    report.section(
      `a report of ${FUNCTIONS} functions, ${size.samples} samples of ` +
        `${DEPTH} frames, ${size.chains} chains`,
    );
    report.row("seconds, median", median(runs.map(({ seconds }) => seconds)));
    report.row(
      "peak memory in MiB, maximum",
      Math.max(...runs.map(({ peakMiB }) => peakMiB)),
    );
    if (!hasPerf) continue;
    const start = performance.now();
    await runOrThrow([
      ...["sh", "-c", 'perf script -f -i "$0" -F ip,sym > /dev/null', data],
    ] as [string, ...string[]]);
    const seconds = (performance.now() - start) / 1000;
    report.row("seconds, perf script, which names no functions", seconds);
  }
  await Deno.remove(data);
  await Deno.remove(dump);
}
