import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { collapse } from "../../src/profile/collapsed.ts";
import type { FrameSymbol } from "../../src/profile/frame_symbol.ts";
import { toPageData } from "../../src/profile/page_data.ts";
import { toSpeedscope } from "../../src/profile/speedscope.ts";
import { functionTotals, lineTotals } from "../../src/profile/totals.ts";
import { at, buildProfile, type Stack } from "../support/build_profile.ts";

const stack = (weight: number, ...symbols: FrameSymbol[]): Stack => ({
  process: "a program 7",
  symbols,
  weight,
});

const profileOf = (...stacks: Stack[]) => buildProfile(stacks);

/** A recursive function with two lines, and another function. */
const recursive = profileOf(
  stack(10, at("main", 1), at("f", 2), at("f", 3), at("f", 2)),
  stack(5, at("main", 1), at("f", 3), at("g", 9, "/b")),
  stack(1, at("g", 9, "/a")),
);

describe("functionTotals()", () => {
  it("counts a function once for each sample when it is recursive", () => {
    const shares = functionTotals(recursive)
      .map(({ symbol, self, total }) => [symbol.name, self, total]);
    assertEquals(shares, [["f", 10, 15], ["g", 6, 6], ["main", 0, 15]]);
  });
});

describe("lineTotals()", () => {
  it("separates lines when they are of different files", () => {
    const shares = lineTotals(recursive).map(({ symbol, self, total }) => [
      `${symbol.source!.file}:${symbol.source!.line}`,
      self,
      total,
    ]);
    assertEquals(shares, [
      ["/a.calc:2", 10, 10],
      ["/b:9", 5, 5],
      ["/a:9", 1, 1],
      ["/a.calc:1", 0, 15],
      ["/a.calc:3", 0, 15],
    ]);
  });
});

describe("collapse()", () => {
  it("yields a line for each chain when names have separators", () => {
    const chains = collapse(profileOf(
      stack(3, at("a;b", 1), at("c\nd")),
      stack(4, at("a;b", 2), at("c\nd")),
      stack(5, at("a;b", 2)),
    ));
    assertEquals([...chains], [
      "a program 7;a:b 5",
      "a program 7;a:b;c:d 7",
    ]);
  });
});

describe("toPageData()", () => {
  it("lists callers before callees when calls are nested", () => {
    const { frames, nodes } = toPageData(recursive, "");
    assertEquals(
      nodes.frame.map((frame, i) => `${nodes.depth[i]} ${frames.name[frame]}`),
      [
        ...["0 all", "1 a program 7", "2 main", "3 f", "4 f", "5 f", "4 g"],
        "2 g",
      ],
    );
  });
});

describe("a recursion 10 000 deep", () => {
  const DEPTH = 10_000;
  const [main, f] = [at("main", 1), at("f", 2)];
  const deep = profileOf(
    stack(3, main, ...Array(DEPTH).fill(f)),
    stack(1, main, ...Array(DEPTH / 2).fill(f)),
  );

  it("is in tables, files and pages when it is reported", () => {
    assertEquals(
      functionTotals(deep).map(({ symbol, self, total }) => [
        ...[symbol.name, self, total],
      ]),
      [["f", 4, 4], ["main", 0, 4]],
    );
    assertEquals(lineTotals(deep).map(({ total }) => total), [4, 4]);
    assertEquals(
      [...collapse(deep)].map((line) => line.split(";f").length),
      [DEPTH / 2 + 1, DEPTH + 1],
    );
    const { profiles: [{ samples }] } = JSON.parse(
      JSON.stringify(toSpeedscope(deep, "")),
    );
    assertEquals(
      samples.map(({ length }: number[]) => length).sort(),
      [DEPTH + 1, DEPTH / 2 + 1].sort(),
    );
    assertEquals(toPageData(deep, "").nodes.depth.length, DEPTH + 3);
  });
});
