/**
 * Numbers of samples in `perf report`, and in the addresses that perf has recorded.
 *
 * @module
 */

import type { SourceLine } from "../../mod.ts";
import { by, reportCommand, runOrThrow } from "./perf.ts";
import type { Profile } from "./profile.ts";

/** Returns the numbers of samples by `fields`, as a perf reports them. */
export async function reportSamples(
  perf: string,
  injected: string,
  fields: string,
): Promise<Map<string, number>> {
  const { stdout } = await runOrThrow(
    by(perf, reportCommand(injected, `sample,${fields}`, "--quiet", "-t", ";")),
  );
  const found = new Map<string, number>();
  for (const row of stdout.split("\n")) {
    if (!row.includes(";")) continue;
    const [samples, ...values] = row.split(";").map((value) => value.trim());
    const key = values.join(" ").replace("[.] ", "");
    // perf 6.12 prints several rows for a source line.
    found.set(key, (found.get(key) ?? 0) + Number(samples));
  }
  return found;
}

/** A compiled function. */
interface Compiled {
  readonly name: string;
  readonly lines: readonly Pick<SourceLine, "offset" | "line">[];
}

/** Returns the source line of the instruction at an offset. */
export const lineAt = (
  lines: Compiled["lines"],
  offset: number,
): number => lines.findLast((line) => line.offset <= offset)!.line;

/**
 * Returns the numbers of samples by function and line of `program.calc`, computed from the
 * recorded addresses.
 */
export function samplesByLine(
  { addresses, functions }: Profile,
  compiled: readonly Compiled[],
): Map<string, number> {
  const found = new Map<string, number>();
  for (const [i, { name, lines }] of compiled.entries()) {
    const { address, code } = functions[i];
    for (const ip of addresses) {
      const offset = Number(ip - address);
      if (offset < 0 || offset >= code.length) continue;
      const key = `${name} program.calc:${lineAt(lines, offset)}`;
      found.set(key, (found.get(key) ?? 0) + 1);
    }
  }
  return found;
}
