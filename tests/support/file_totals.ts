/**
 * The weights of functions in the files of `jitdump report`.
 *
 * @module
 */

import { decodePprof } from "./decode_pprof.ts";

/** Self and total weights by function. */
export type Totals = Record<string, [self: number, total: number]>;

// deno-lint-ignore no-explicit-any -- each format has its own tests
type Json = any;

/** Adds up samples; a chain is a list of functions, outermost first. */
function sum(samples: Iterable<[chain: string[], weight: number]>): Totals {
  const sums: Totals = {};
  for (const [chain, weight] of samples) {
    for (const name of new Set(chain)) (sums[name] ??= [0, 0])[1] += weight;
    if (chain.length > 0) sums[chain.at(-1)!][0] += weight;
  }
  return sums;
}

/** Returns the totals of the samples in JSON. */
export function totalsInJson(
  { functions, frames, stacks, timeline }: Json,
): Totals {
  const chainOf = (stack: number): string[] =>
    stack === -1 ? [] : [
      ...chainOf(stacks.parent[stack]),
      functions[frames[stacks.frame[stack]].function].name,
    ];
  return sum(
    timeline.stack.map((
      stack: number,
      i: number,
    ) => [chainOf(stack), timeline.weight[i]]),
  );
}

/** Returns the totals of chains as text. */
export function totalsInCollapsed(lines: Iterable<string>): Totals {
  return sum(
    Array.from(lines, (line) => {
      const [, chain, weight] = line.match(/^[^;]*(?:;(.*))? (\d+)$/)!;
      return [chain?.split(";") ?? [], Number(weight)];
    }),
  );
}

/** Returns the totals of a file for speedscope. */
export function totalsInSpeedscope(
  { shared: { frames }, profiles }: Json,
): Totals {
  return sum(
    profiles.flatMap((
      { samples, weights }: { samples: number[][]; weights: number[] },
    ) =>
      samples.map((chain, i) => [
        chain.map((frame) => frames[frame].name),
        weights[i],
      ])
    ),
  );
}

/** Returns the totals of a file for pprof. */
export async function totalsInPprof(bytes: Uint8Array): Promise<Totals> {
  const { sample, location, function: functions, stringTable: { strings } } =
    await decodePprof(bytes);
  const nameOfFunction = new Map(
    functions.map(({ id, name }) => [id, strings[Number(name)]]),
  );
  const nameOf = new Map(
    location.map(({ id, line: [{ functionId }] }) => [
      id,
      nameOfFunction.get(functionId)!,
    ]),
  );
  return sum(
    sample.map(({ locationId, value }) => [
      locationId.map((id) => nameOf.get(id)!).reverse(),
      Number(value[1]),
    ]),
  );
}

/** Returns the totals of a file for the Firefox Profiler, in nanoseconds. */
export function totalsInFirefox({ shared, threads }: Json): Totals {
  const { stringArray, stackTable, frameTable, funcTable } = shared;
  const chainOf = (stack: number | null): string[] =>
    stack === null ? [] : [
      ...chainOf(stackTable.prefix[stack]),
      stringArray[funcTable.name[frameTable.func[stackTable.frame[stack]]]],
    ];
  return sum(
    threads.flatMap((
      { samples }: {
        samples: { stack: (number | null)[]; weight: number[] };
      },
    ) =>
      samples.stack.map((stack, i) => [
        chainOf(stack),
        Math.round(1e6 * samples.weight[i]),
      ])
    ),
  );
}
