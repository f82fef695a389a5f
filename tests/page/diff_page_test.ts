import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import type { Call } from "../../page/calls.ts";
import { profileOf } from "../../page/profile.ts";
import { toDiffPage, toDiffPageData } from "../../src/profile/diff_page.ts";
import { diffProfiles } from "../../src/profile/diff.ts";
import type { Category, FrameSymbol } from "../../src/profile/frame_symbol.ts";
import { buildProfile } from "../support/build_profile.ts";
import {
  ALL_WINDOWS,
  describeInChromium,
  inWindows,
  itInChromium,
  type Window,
  WINDOWS,
} from "../support/chromium.ts";
import { frameOf, modelOf } from "../support/page_profile.ts";
import { ReportPage } from "../support/report_page.ts";
import { temporaryDirectory } from "../support/script.ts";

const MS = 1e6;
const symbol = (
  name: string,
  category: Category = "jitted",
): FrameSymbol => ({ name, category, dso: "" });

const [main, gcd, fib, old] = ["main", "gcd", "fib", "old"]
  .map((name) => symbol(name));

/** Returns a profile in which `main` calls each function, with a number of samples of 1 ms. */
const profileWith = (pid: number, ...counts: [FrameSymbol, number][]) =>
  buildProfile(
    counts.flatMap(([fn, count]) =>
      Array.from({ length: count }, () => ({
        process: `deno ${pid}`,
        symbols: [main, fn],
        weight: MS,
      }))
    ),
  );

/** Function `gcd` has 20 % before and 50 % after; `old` has no samples after. */
const BEFORE = profileWith(
  1,
  ...[[gcd, 200], [fib, 600], [old, 100]] as [FrameSymbol, number][],
  [symbol("JS:~run a.js:1:1", "javascript"), 100],
);
const AFTER = profileWith(
  2,
  ...[[gcd, 1000], [fib, 800]] as [FrameSymbol, number][],
  [symbol("JS:*run a.js:1:1", "javascript"), 200],
);
const BOTH = [BEFORE, AFTER] as const;
const NAMES = ["a", "b"] as const;

const PROFILE = profileOf(
  JSON.parse(JSON.stringify(toDiffPageData(BOTH, NAMES))),
);

const nameOf = ({ frame }: { readonly frame: number }) =>
  PROFILE.frames[frame].name;

describe("toDiffPageData()", () => {
  it("ignores the functions' tiers and the processes' ids when it matches them", () => {
    assertEquals(PROFILE.frames.map(({ name }) => name), [
      ...["all", "main", "gcd", "fib", "old", "JS:run a.js:1:1", "deno"],
    ]);
  });

  it("has the changes of the report when a function has samples afterwards", () => {
    const rows = modelOf(PROFILE).rows.filter(({ self }) => self > 0);
    const changes = diffProfiles(...BOTH).filter(({ after }) => after);
    assertEquals(
      rows.map((row) => [
        nameOf(row),
        "change" in row ? row.change : undefined,
      ]),
      changes.map(({ name, shareBefore, shareAfter }) => [
        name,
        shareAfter - shareBefore,
      ]),
    );
    assertEquals(rows.map(nameOf), ["gcd", "fib", "JS:run a.js:1:1"]);
  });

  it("has the weights of both recordings when a call is in one or both", () => {
    const show = (call: Call): unknown[] => [
      ...[nameOf(call), call.weight / MS, call.otherWeight / MS],
      ...call.inner.map(show),
    ];
    const inner = (state: Parameters<typeof modelOf>[1]) =>
      show(modelOf(PROFILE, state).root);
    const after = [
      ...["main", 2000, 1000],
      ["gcd", 1000, 200],
      ["fib", 800, 600],
      ["JS:run a.js:1:1", 200, 100],
      ["old", 0, 100],
    ];
    assertEquals(inner({}), [
      ...["all", 2000, 1000],
      ["deno", 2000, 1000, after],
    ]);
    const [, , , first] = inner({ direction: "callers", recording: 0 });
    assertEquals(first, [
      ...["fib", 600, 800],
      ["main", 600, 800, ["deno", 600, 800]],
    ]);
    const focus = frameOf(PROFILE, "old");
    assertEquals(inner({ direction: "callers", focus }), [
      ...["old", 0, 100],
      ["main", 0, 100, ["deno", 0, 100]],
    ]);
  });
});

/** Opens the page of the comparison. */
async function withComparison(
  windows: readonly Window[],
  use: (report: ReportPage) => Promise<void>,
): Promise<void> {
  using directory = temporaryDirectory();
  const file = join(directory.path, "diff.html");
  Deno.writeTextFileSync(file, await toDiffPage(BOTH, NAMES));
  await inWindows(
    windows,
    `file://${file}`,
    (page, { width }) => use(new ReportPage(page, width)),
  );
}

describeInChromium("the page of a comparison in the browser", () => {
  itInChromium(
    "shows changes as colors, in the table and beside a call when it is opened",
    async () => {
      await withComparison(WINDOWS, async (report) => {
        const { page } = report;
        assertEquals(await page.title(), "a → b");
        assertStringIncludes(
          await page.locator("header").innerText(),
          "Before: a · 2025-01-01 00:00:00 UTC · on host · 1,000 samples",
        );
        assertEquals(await report.functions(), [
          ...["gcd", "fib", "old", "JS:run a.js:1:1", "main"],
        ]);
        const cells = await page.locator(".functions tbody tr").first()
          .locator("td").allInnerTexts();
        assertEquals(cells.slice(0, 3), ["+30.00", "20.00 %", "50.00 %"]);
        // After: gcd has 50 %, fib 40 %.
        assertEquals(
          await report.hoverGraph(3, 0.2),
          "gcd\n50.00 % of all, 50.00 % of parent, 1,000 samples, 1,000.0 ms\n" +
            "before 20.00 %, after 50.00 %, change +30.00\njitted",
        );
        await page.mouse.move(0, 0);
        const [gcdRed, , gcdBlue] = await report.colorAt(3, 0.2);
        const [fibRed, , fibBlue] = await report.colorAt(3, 0.7);
        assert(gcdRed > gcdBlue, `${gcdRed} ${gcdBlue}`);
        assert(fibRed < fibBlue, `${fibRed} ${fibBlue}`);
        const [allRed, , allBlue] = await report.colorAt(0, 0.7);
        assertEquals(allRed, allBlue);
        // Before: fib has 60 %, and old has 10 %.
        await page.getByRole("button", { name: "Widths before" }).click();
        assertStringIncludes(await report.hoverGraph(3, 0.5), "fib\n60.00 %");
        assertStringIncludes(
          await report.hoverGraph(3, 0.85),
          "before 10.00 %, after 0.00 %, change −10.00",
        );
        assertEquals(report.state, { recording: "0" });
        await page.reload();
        assertStringIncludes(await report.hoverGraph(3, 0.5), "fib\n60.00 %");
        await page.locator(".functions").getByRole("button", { name: /^old/ })
          .click();
        assertStringIncludes(
          await page.locator(".selected").innerText(),
          "before 10.00 %, after 0.00 %, change −10.00",
        );
      });
    },
  );

  itInChromium(
    "is accessible and as wide as the window when the window is wide or narrow",
    async () => {
      await withComparison(ALL_WINDOWS, async (report) => {
        const { page } = report;
        await page.getByRole("button", { name: "Widths before" }).click();
        await page.locator(".functions").getByRole("button", { name: /^old/ })
          .click();
        assertEquals(await report.violations(), []);
        assertEquals(await report.contentWidth(), report.width);
      });
    },
  );
});
