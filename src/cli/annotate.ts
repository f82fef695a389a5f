/**
 * The instructions of functions with their shares: `jitdump report --annotate`.
 *
 * @module
 */

import type { Profile } from "../profile/profile.ts";
import {
  functionsNamed,
  hottestFunction,
  type SampledFunction,
  sampledFunctions,
} from "../profile/sampled_functions.ts";
import { suggest, UsageError } from "./command.ts";
import { placeOf, readCode, showInstructions } from "./disassemble.ts";
import { Output, printable } from "./output.ts";
import {
  amountOf,
  amountTitle,
  percentOf,
  ROWS,
  showRest,
} from "./report_table.ts";

/** Width of the column of shares. */
const WIDTH = 7;

/**
 * Prints the functions that match a text, the hottest first.
 *
 * @param text A name or pattern; empty for the hottest jitted function.
 */
export async function annotate(
  profile: Profile,
  text: string,
  limit: number = ROWS,
): Promise<void> {
  const found = findFunctions(profile, text);
  const shown = found.slice(0, limit);
  const output = new Output();
  for (const [i, fn] of shown.entries()) {
    if (i > 0) output.line("");
    await showFunction(profile, fn, output);
  }
  showRest(found.length - shown.length, (line) => output.line(line));
  output.flush();
}

function findFunctions(profile: Profile, text: string): SampledFunction[] {
  const functions = sampledFunctions(profile);
  if (text === "") {
    const hottest = hottestFunction(functions);
    if (hottest) return [hottest];
    throw new Error(
      "no function of a dump has samples: jitdump doctor checks the requirements",
    );
  }
  const found = matching(functions, text);
  if (found.length > 0) return found;
  const names = functions.flatMap(({ name, plainName }) => [plainName, name]);
  throw new Error(
    `no function with samples matches "${text}"${suggest(text, names)}`,
  );
}

function matching(
  functions: readonly SampledFunction[],
  text: string,
): SampledFunction[] {
  try {
    return functionsNamed(functions, text);
  } catch (error) {
    throw new UsageError(`--annotate: ${(error as Error).message}`);
  }
}

async function showFunction(
  profile: Profile,
  { name, dump, position, weight, byOffset }: SampledFunction,
  output: Output,
): Promise<void> {
  const { sourceMaps, recording } = profile;
  const [code] = readCode(
    dump,
    (fn) => fn.offset === position,
    recording.arch,
  );
  const lines = code.lines.map((entry) => ({
    ...entry,
    ...entry.line === 0 ? {} : sourceMaps.lineOf(name, entry),
  }));
  const share = percentOf(weight, profile.weight).trim();
  const amount = `${amountOf(profile, weight)} ${amountTitle(profile)}`;
  output.line(
    `${printable(name)}: ${share} self, ${amount}, ${placeOf(code.fn)}`,
  );
  const offsets = [...byOffset];
  const mark = (start: number, end: number) => {
    const part = offsets.reduce(
      (sum, [offset, own]) => start <= offset && offset < end ? sum + own : sum,
      0,
    );
    return `${part === 0 ? "".padEnd(WIDTH) : percentOf(part, weight)}  `;
  };
  const textOf = (file: string) => sourceMaps.textOf(file);
  await showInstructions({ ...code, lines }, output, mark, textOf);
}
