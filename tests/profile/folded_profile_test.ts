import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { collapse } from "../../src/profile/collapsed.ts";
import { foldUnnamed } from "../../src/profile/folded_profile.ts";
import { neighborsOf } from "../../src/profile/neighbors.ts";
import type { FrameSymbol } from "../../src/profile/frame_symbol.ts";
import { at, buildProfile } from "../support/build_profile.ts";

const unnamed = (name: string): FrameSymbol => ({
  name: `[${name}]`,
  category: "native",
  dso: `/bin/${name}`,
});

const deno = unnamed("deno");
const process = "deno 7";

const foldedChains = (
  ...stacks: readonly (readonly [weight: number, ...symbols: FrameSymbol[]])[]
) => {
  const profile = buildProfile(
    stacks.map(([weight, ...symbols]) => ({ process, symbols, weight })),
  );
  return [...collapse(foldUnnamed(profile))];
};

describe("foldUnnamed()", () => {
  it("has one frame for consecutive frames of a file when they have no symbols", () => {
    assertEquals(
      foldedChains([1, at("main"), deno, deno, { ...deno }, at("f")]),
      ["deno 7;main;[deno];f 1"],
    );
  });

  it("adds the weights of chains when they become equal", () => {
    assertEquals(
      foldedChains([1, deno, at("f")], [2, deno, deno, at("f")], [4, deno]),
      ["deno 7;[deno] 4", "deno 7;[deno];f 3"],
    );
  });

  it("keeps all frames when functions are recursive or files differ", () => {
    const [f, g] = [at("f"), unnamed("libc.so.6")];
    const jitted = at("[f]");
    assertEquals(
      foldedChains([1, f, f, deno, g, deno, jitted, jitted]),
      ["deno 7;f;f;[deno];[libc.so.6];[deno];[f];[f] 1"],
    );
  });

  it("keeps the chain of each sample when its innermost frames have no symbols", () => {
    const profile = buildProfile([
      { process, symbols: [deno, deno], weight: 1 },
      { process, symbols: [deno, at("f")], weight: 2 },
    ]);
    const { tree, timeline, symbols } = foldUnnamed(profile);
    const innermost = Array.from(
      timeline.node,
      (node) =>
        tree.chainOf(node).slice(1).map((frame) => symbols[frame].name).join(),
    );
    assertEquals(innermost, ["[deno]", "[deno],f"]);
  });

  it("has no unnamed frame that calls itself when callers are listed", () => {
    const profile = buildProfile([
      { process, symbols: [at("main"), deno, deno, deno], weight: 1 },
    ]);
    const callers = neighborsOf(foldUnnamed(profile), "[deno]")!.callers;
    assertEquals(callers.map(({ symbol }) => symbol.name), ["main"]);
  });
});
