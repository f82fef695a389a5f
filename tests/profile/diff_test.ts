import { assertAlmostEquals, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { chanceOf, diffProfiles } from "../../src/profile/diff.ts";
import type { Category, FrameSymbol } from "../../src/profile/frame_symbol.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { buildProfile } from "../support/build_profile.ts";

const MS = 1e6;

/** Returns a profile with samples of functions, by their names. */
function profileOf(
  milliseconds: Record<string, number>,
  category: Category = "jitted",
): Profile {
  return buildProfile(
    Object.entries(milliseconds).map(([name, weight]) => {
      const symbol: FrameSymbol = { name, category, dso: "" };
      return { process: "a 7", symbols: [symbol], weight: weight * MS };
    }),
  );
}

const changes = (first: Profile, second: Profile) =>
  diffProfiles(first, second).map((
    { name, before, after, shareBefore, shareAfter },
  ) => [
    name,
    before && before / MS,
    after && after / MS,
    Math.round(100 * (shareAfter - shareBefore)),
  ]);

describe("diffProfiles()", () => {
  it("returns the function first when only it has become slower", () => {
    assertEquals(
      changes(
        profileOf({ collatz: 400, gcd: 300, fib: 300 }),
        profileOf({ collatz: 400, gcd: 600, fib: 300 }),
      ),
      [
        ["gcd", 300, 600, 16],
        ["collatz", 400, 400, -9],
        ["fib", 300, 300, -7],
      ],
    );
  });

  it("has no weight of a function when one recording lacks it", () => {
    assertEquals(
      changes(profileOf({ f: 3, old: 1 }), profileOf({ f: 2, next: 2 })),
      [
        ["next", undefined, 2, 50],
        ["f", 3, 2, -25],
        ["old", 1, undefined, -25],
      ],
    );
  });

  it("adds up a function's tiers when names differ only by tier", () => {
    assertEquals(
      changes(
        profileOf({ "JS:~f /a.js:1:1": 1, "JS:*f /a.js:1:1": 3 }, "javascript"),
        profileOf({ "JS:+f /a.js:1:1": 5 }, "javascript"),
      ),
      [["JS:f /a.js:1:1", 4, 5, 0]],
    );
  });

  it("separates functions when their categories differ", () => {
    const native = profileOf({ read: 1 }, "native");
    const kernel = profileOf({ read: 1 }, "kernel");
    assertEquals(
      diffProfiles(native, kernel).map(({ category, before, after }) => [
        ...[category, before, after],
      ]),
      [["native", MS, undefined], ["kernel", undefined, MS]],
    );
  });
});

describe("chanceOf()", () => {
  it("returns a lower chance when there are more samples", () => {
    const [few, many] = [200, 20_000].map((samples) => ({
      ...profileOf({ f: 1 }),
      samples,
    }));
    assertAlmostEquals(chanceOf(few, few), 0.1);
    assertAlmostEquals(chanceOf(many, many), 0.01);
  });
});
