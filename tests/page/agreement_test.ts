import { assertEquals, assertLessOrEqual } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Model } from "../../page/model.ts";
import { neighborsOf } from "../../src/profile/neighbors.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { functionTotals } from "../../src/profile/totals.ts";
import { at, buildProfile, type Stack } from "../support/build_profile.ts";
import { frameOf, fromProfile, modelOf } from "../support/page_profile.ts";
import { Random } from "../support/random.ts";

const FUNCTIONS = ["f", "g", "h", "i"].map((name) => at(name, 1));

/** Returns a profile of chains with much recursion, in two processes and three threads. */
function randomProfile(seed: number): Profile {
  const random = new Random(seed);
  const stacks = Array.from({ length: 200 }, (): Stack => ({
    process: `deno ${1 + random.below(2)}`,
    tid: 1 + random.below(3),
    symbols: Array.from(
      { length: random.below(8) },
      () => random.of(FUNCTIONS),
    ),
    weight: 1 + random.below(100),
  }));
  return buildProfile(stacks);
}

/** Returns the sums of functions by name. */
const sumsOf = ({ rows, profile }: Model) =>
  new Map(rows.map(({ frame, self, total }) => [
    profile.frames[frame].name,
    { self, total },
  ]));

for (const seed of [1, 2, 3]) {
  describe(`a page of random chains with the seed ${seed}`, () => {
    const profile = randomProfile(seed);
    const model = modelOf(fromProfile(profile));

    it("has the totals of the report when calls are recursive", () => {
      const totals = functionTotals(profile).map((
        { symbol: { name }, self, total },
      ) => [name, { self, total }] as const);
      assertEquals(sumsOf(model), new Map(totals));
    });

    it("has the callers and callees of the report when calls are recursive", () => {
      for (const { name } of FUNCTIONS) {
        const { callers, callees } = neighborsOf(profile, name)!;
        const own = model.neighbors(frameOf(model.profile, name));
        const text = (name: string, weight: number) => `${name} ${weight}`;
        const ofPage = (neighbors: typeof own.callers) =>
          neighbors.map(({ frame, weight }) =>
            text(model.profile.frames[frame].name, weight)
          ).sort();
        const ofReport = (neighbors: typeof callers) =>
          neighbors.map(({ symbol, weight }) => text(symbol.name, weight))
            .sort();
        assertEquals(ofPage(own.callers), ofReport(callers));
        assertEquals(ofPage(own.callees), ofReport(callees));
      }
    });

    it("has all weight in the calls of each row when a graph is drawn", () => {
      for (const direction of ["callees", "callers"] as const) {
        const { root } = modelOf(model.profile, { direction });
        assertEquals(root.weight, profile.weight);
        const waiting = [root];
        for (let call = waiting.pop(); call; call = waiting.pop()) {
          const inner = call.inner.reduce((sum, { weight }) => sum + weight, 0);
          assertLessOrEqual(inner, call.weight);
          waiting.push(...call.inner);
        }
      }
    });

    it("has the weight of both parts when the time is divided", () => {
      const middle = 100 * 1e6;
      const [first, second] = [{ until: middle }, { since: middle }].map(
        (state) => modelOf(model.profile, state).whole,
      );
      assertEquals(first.samples + second.samples, profile.samples);
      assertEquals(first.weight + second.weight, profile.weight);
      assertEquals(first.samples, 100);
    });
  });
}
