import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { collapse } from "../../src/profile/collapsed.ts";
import { toFirefox } from "../../src/profile/firefox.ts";
import { toJson } from "../../src/profile/json.ts";
import type { FrameSymbol } from "../../src/profile/frame_symbol.ts";
import { toPprof } from "../../src/profile/pprof.ts";
import { toSpeedscope } from "../../src/profile/speedscope.ts";
import { buildProfile, type Stack } from "../support/build_profile.ts";
import {
  type Totals,
  totalsInCollapsed,
  totalsInFirefox,
  totalsInJson,
  totalsInPprof,
  totalsInSpeedscope,
} from "../support/file_totals.ts";
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

// deno-lint-ignore no-explicit-any -- each format has its own tests
const plain = (value: unknown): any => JSON.parse(JSON.stringify(value));

const EXPECTED: Totals = Object.fromEntries(
  plain(toJson(PROFILE)).functions.map((
    { name, self, total }: { name: string; self: number; total: number },
  ) => [name, [self, total]]),
);

describe("the totals of functions", () => {
  it("are those of the samples when they are written as JSON", () => {
    const totals = totalsInJson(plain(toJson(PROFILE)));
    assertEquals(Object.keys(totals).length, FUNCTIONS.length);
    assertEquals(totals, EXPECTED);
  });

  it("are those of JSON when chains are written as text", () => {
    assertEquals(totalsInCollapsed(collapse(PROFILE)), EXPECTED);
  });

  it("are those of JSON when they are written for speedscope", () => {
    const file = plain(toSpeedscope(PROFILE, ""));
    assertEquals(totalsInSpeedscope(file), EXPECTED);
  });

  it("are those of JSON when they are written for pprof", async () => {
    assertEquals(await totalsInPprof(await toPprof(PROFILE)), EXPECTED);
  });

  it("are those of JSON when they are written for the Firefox Profiler", () => {
    assertEquals(totalsInFirefox(plain(toFirefox(PROFILE))), EXPECTED);
  });
});
