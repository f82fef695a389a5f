import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { collapse } from "../../src/profile/collapsed.ts";
import { toFlameGraph } from "../../src/profile/flame_graph.ts";
import type { Profile, Stack } from "../../src/profile/profile.ts";
import { toSpeedscope } from "../../src/profile/speedscope.ts";
import type { Place } from "../../src/profile/symbolizer.ts";
import { tallyFunctions, tallyLines } from "../../src/profile/tally.ts";

const at = (name: string, line?: number, file = "/a"): Place => ({
  name,
  origin: "jitted",
  object: "",
  source: line === undefined ? undefined : { file, line },
});

const stack = (weight: number, ...places: Place[]): Stack => ({
  process: "a program 7",
  places,
  weight,
});

function profileOf(...stacks: Stack[]): Profile {
  const weight = stacks.reduce((sum, { weight }) => sum + weight, 0);
  const { length: samples } = stacks;
  const [instructions, dumps, notes] = [new Map(), [], []];
  return {
    ...{ stacks, instructions, dumps, notes },
    ...{ event: "cpu-clock", samples, weight },
  };
}

/** A function that calls itself, from two lines, and another one. */
const recursive = profileOf(
  stack(10, at("main", 1), at("f", 2), at("f", 3), at("f", 2)),
  stack(5, at("main", 1), at("f", 3), at("g", 9, "/b")),
  stack(1, at("g", 9, "/a")),
);

describe("tallyFunctions()", () => {
  it("counts a function once for each sample, the hottest first", () => {
    const shares = tallyFunctions(recursive)
      .map(({ place, self, total }) => [place.name, self, total]);
    assertEquals(shares, [["f", 10, 15], ["g", 6, 6], ["main", 0, 15]]);
  });
});

describe("tallyLines()", () => {
  it("keeps lines of different files apart, and counts each once", () => {
    const shares = tallyLines(recursive).map(({ place, self, total }) => [
      `${place.source!.file}:${place.source!.line}`,
      self,
      total,
    ]);
    assertEquals(shares, [
      ["/a:2", 10, 10],
      ["/b:9", 5, 5],
      ["/a:9", 1, 1],
      ["/a:1", 0, 15],
      ["/a:3", 0, 15],
    ]);
  });
});

describe("collapse()", () => {
  it("gives a line for each different chain, which names cannot break", () => {
    const chains = collapse(profileOf(
      stack(3, at("a;b", 1), at("c\nd")),
      stack(4, at("a;b", 2), at("c\nd")),
      stack(5, at("a;b", 2)),
    ));
    assertEquals([...chains], [
      "a program 7;a:b;c:d 7",
      "a program 7;a:b 5",
    ]);
  });
});

describe("toSpeedscope()", () => {
  it("has a frame for each line, and time in nanoseconds", () => {
    const made = toSpeedscope(recursive, "name") as {
      shared: { frames: unknown[] };
      profiles: { unit: string; endValue: number }[];
    };
    assertEquals(made.shared.frames, [
      { name: "main", file: "/a", line: 1 },
      { name: "f", file: "/a", line: 2 },
      { name: "f", file: "/a", line: 3 },
      { name: "g", file: "/b", line: 9 },
      { name: "g", file: "/a", line: 9 },
    ]);
    assertEquals(made.profiles.map(({ unit, endValue }) => [unit, endValue]), [
      ["nanoseconds", 16],
    ]);
    const cycles = toSpeedscope({ ...recursive, event: "cycles" }, "name");
    assertEquals(
      (cycles as typeof made).profiles.map(({ unit }) => unit),
      ["none"],
    );
  });
});

describe("toFlameGraph()", () => {
  type Call = [string, string, string, number, Call[]];
  const treeOf = (profile: Profile): Call => {
    const [, json] = toFlameGraph(profile, "").match(
      /const profile = (.*);\n/,
    )!;
    return JSON.parse(json).tree;
  };

  it("says of a call the line that took most of it", () => {
    const [, , , weight, [process]] = treeOf(profileOf(
      stack(3, at("f", 1)),
      stack(5, at("f", 2)),
      stack(4, at("f", 1)),
    ));
    assertEquals(weight, 12);
    assertEquals(process[4].map(([name, , where]) => [name, where]), [
      ["f", "/a:1"],
    ]);
  });

  it("leaves out what is too little, and keeps 20 000 equal functions", () => {
    const many = Array.from(
      { length: 20_000 },
      (_, i) => stack(1, at(`f${i}`)),
    );
    const [, , , , [process]] = treeOf(profileOf(...many));
    assertEquals(process[4].length, 20_000);
    const [, , , , [small]] = treeOf(
      profileOf(stack(1_000_000, at("large")), stack(1, at("small"))),
    );
    assertEquals(small[4].map(([name]) => name), ["large"]);
  });
});
