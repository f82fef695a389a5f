import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { collapse } from "../../src/profile/collapsed.ts";
import { toFirefox } from "../../src/profile/firefox.ts";
import { toJson } from "../../src/profile/json.ts";
import type { FrameSymbol } from "../../src/profile/frame_symbol.ts";
import { toPprof } from "../../src/profile/pprof.ts";
import { toSpeedscope } from "../../src/profile/speedscope.ts";
import { buildProfile, type Stack } from "../support/build_profile.ts";
import { decodePprof } from "../support/decode_pprof.ts";
import { Random } from "../support/random.ts";

const FUNCTIONS = ["f", "g", "h", "fib", "main"];

/** Yields 2000 samples of three threads, with recursion. Weights are whole milliseconds. */
function* samples(): Generator<Stack> {
  const symbols = FUNCTIONS.flatMap((name) =>
    [1, 2].map((line): FrameSymbol => ({
      ...{ name, category: "jitted", dso: "" },
      source: { file: "/a", line },
    }))
  );
  const random = new Random(1);
  for (let i = 0; i < 2000; i++) {
    yield {
      process: "a program 7",
      tid: 7 + random.below(3),
      symbols: Array.from(
        { length: random.below(6) },
        () => random.of(symbols),
      ),
      weight: 1e6 * (1 + random.below(5)),
    };
  }
}

const PROFILE = buildProfile(samples());

/** Self and total weights by function. */
type Sums = Record<string, [self: number, total: number]>;

/** Adds up samples; a chain is a list of functions, outermost first. */
function sum(samples: Iterable<[chain: string[], weight: number]>): Sums {
  const sums: Sums = {};
  for (const [chain, weight] of samples) {
    for (const name of new Set(chain)) (sums[name] ??= [0, 0])[1] += weight;
    if (chain.length > 0) sums[chain.at(-1)!][0] += weight;
  }
  return sums;
}

// deno-lint-ignore no-explicit-any -- each format has its own tests
const plain = (value: unknown): any => JSON.parse(JSON.stringify(value));

const EXPECTED: Sums = Object.fromEntries(
  plain(toJson(PROFILE)).functions.map((
    { name, self, total }: { name: string; self: number; total: number },
  ) => [name, [self, total]]),
);

describe("the totals of functions", () => {
  it("are those of the samples when they are written as JSON", () => {
    const { functions, frames, stacks, timeline } = plain(toJson(PROFILE));
    const chainOf = (stack: number): string[] =>
      stack === -1 ? [] : [
        ...chainOf(stacks.parent[stack]),
        functions[frames[stacks.frame[stack]].function].name,
      ];
    const sums = sum(
      timeline.stack.map((
        stack: number,
        i: number,
      ) => [chainOf(stack), timeline.weight[i]]),
    );
    assertEquals(Object.keys(sums).length, FUNCTIONS.length);
    assertEquals(sums, EXPECTED);
  });

  it("are those of JSON when chains are written as text", () => {
    const sums = sum(
      Array.from(collapse(PROFILE), (line) => {
        const [, chain, weight] = line.match(/^[^;]*(?:;(.*))? (\d+)$/)!;
        return [chain?.split(";") ?? [], Number(weight)];
      }),
    );
    assertEquals(sums, EXPECTED);
  });

  it("are those of JSON when they are written for speedscope", () => {
    const { shared: { frames }, profiles } = plain(toSpeedscope(PROFILE, ""));
    const sums = sum(
      profiles.flatMap((
        { samples, weights }: { samples: number[][]; weights: number[] },
      ) =>
        samples.map((chain, i) => [
          chain.map((frame) => frames[frame].name),
          weights[i],
        ])
      ),
    );
    assertEquals(sums, EXPECTED);
  });

  it("are those of JSON when they are written for pprof", async () => {
    const { sample, location, function: functions, stringTable: { strings } } =
      await decodePprof(await toPprof(PROFILE));
    const nameOf = (id: number | bigint) => {
      const [{ functionId }] = location.find((other) => other.id === id)!.line;
      const { name } = functions.find((other) => other.id === functionId)!;
      return strings[Number(name)];
    };
    const sums = sum(
      sample.map(({ locationId, value }) => [
        locationId.map(nameOf).reverse(),
        Number(value[1]),
      ]),
    );
    assertEquals(sums, EXPECTED);
  });

  it("are those of JSON when they are written for the Firefox Profiler", () => {
    const { shared, threads } = plain(toFirefox(PROFILE));
    const { stringArray, stackTable, frameTable, funcTable } = shared;
    const chainOf = (stack: number | null): string[] =>
      stack === null ? [] : [
        ...chainOf(stackTable.prefix[stack]),
        stringArray[funcTable.name[frameTable.func[stackTable.frame[stack]]]],
      ];
    const sums = sum(
      threads.flatMap((
        { samples }: {
          samples: { stack: (number | null)[]; weight: number[] };
        },
      ) =>
        samples.stack.map((stack, i) => [
          chainOf(stack),
          1e6 * samples.weight[i],
        ])
      ),
    );
    assertEquals(sums, EXPECTED);
  });
});
