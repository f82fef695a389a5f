import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { toJson } from "../../src/profile/json.ts";
import type { Profile } from "../../src/profile/profile.ts";
import schema from "../../src/profile/report.schema.json" with { type: "json" };
import { at, buildProfile, NATIVE_MAIN } from "../support/build_profile.ts";
import { Ajv } from "../support/npm.ts";

const [f2, f3] = [at("f", 2), at("f", 3)];
const process = "a program 7";

/** Two threads. The function f calls itself. */
const PROFILE = buildProfile([
  { process, symbols: [NATIVE_MAIN, f2, f3], weight: 100 },
  { process, symbols: [NATIVE_MAIN, f2], weight: 200 },
  { process, tid: 8, symbols: [f3], weight: 10 },
  { process, symbols: [], weight: 1 },
  { process, symbols: [NATIVE_MAIN, f2], weight: 300 },
]);

// deno-lint-ignore no-explicit-any -- the fields that the schema requires
const read = (profile: Profile): any =>
  JSON.parse(JSON.stringify(toJson(profile)));

describe("toJson()", () => {
  it("matches its schema when there are samples or none", () => {
    const validate = new Ajv().compile(schema);
    const full = {
      ...PROFILE,
      others: [{ name: "page-faults", samples: 2 }],
      hints: [{ text: "a", remedy: "b" }],
      chainEnds: new Map([["no rules" as const, 1]]),
    };
    for (const profile of [full, buildProfile([])]) {
      assert(validate(read(profile)), JSON.stringify(validate.errors));
    }
    assertEquals(validate({ ...read(PROFILE), version: 2 }), false);
    assertEquals(validate({ ...read(PROFILE), unknown: 2 }), false);
  });

  it("has weights and numbers of samples when a function calls itself", () => {
    const { functions, lines, unit, samples, weight } = read(PROFILE);
    assertEquals([unit, samples, weight], ["nanoseconds", 5, 611]);
    assertEquals(functions, [
      {
        ...{ name: "f", category: "jitted", self: 610, total: 610 },
        ...{ selfSamples: 4, totalSamples: 4 },
      },
      {
        ...{ name: "main", category: "native", dso: "/bin/a" },
        ...{ self: 0, total: 600, selfSamples: 0, totalSamples: 3 },
      },
    ]);
    assertEquals(
      lines.map((
        { line, self, total, selfSamples, totalSamples }: Record<
          string,
          number
        >,
      ) => [line, self, total, selfSamples, totalSamples]),
      [[2, 500, 600, 2, 3], [3, 110, 110, 2, 2]],
    );
  });

  it("has the complete stack of each sample when its parents are followed", () => {
    const { functions, frames, stacks, threads, timeline } = read(PROFILE);
    const chains = timeline.stack.map((innermost: number) => {
      const chain: string[] = [];
      for (let at = innermost; at !== -1; at = stacks.parent[at]) {
        const { function: fn, line = "" } = frames[stacks.frame[at]];
        chain.unshift(`${functions[fn].name}:${line}`);
      }
      return chain.join(" ");
    });
    assertEquals(chains, [
      "main: f:2 f:3",
      "main: f:2",
      "f:3",
      "",
      "main: f:2",
    ]);
    assertEquals(timeline.time, [0, 1e6, 2e6, 3e6, 4e6]);
    assertEquals(timeline.weight, [100, 200, 10, 1, 300]);
    assertEquals(
      timeline.thread.map((thread: number) => threads[thread].tid),
      [7, 7, 8, 7, 7],
    );
  });
});
