import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { describe } from "@std/testing/bdd";
import { at, buildProfile, type Stack } from "../support/build_profile.ts";
import {
  ALL_WINDOWS,
  describeInChromium,
  itInChromium,
  WINDOWS,
} from "../support/chromium.ts";
import { FORGED, outer, PROFILE } from "../support/example_report.ts";
import { withReport } from "../support/report_page.ts";

describeInChromium("the flame graph of a page in the browser", () => {
  itInChromium(
    "draws calls as wide as their shares when it is opened",
    async () => {
      await withReport(PROFILE, async (report) => {
        // The rows: all, processes, main, outer and handler, inner and read.
        const colors = [];
        for (const share of [0.01, 0.59, 0.61, 0.89]) {
          colors.push(String(await report.colorAt(3, share)));
        }
        assertEquals(colors[0], colors[1]);
        assertEquals(colors[2], colors[3]);
        assertNotEquals(colors[1], colors[2]);
        const background = String(await report.colorAt(4, 0.7));
        assertNotEquals(String(await report.colorAt(4, 0.39)), background);
        assertEquals(String(await report.colorAt(4, 0.41)), background);
        assertNotEquals(String(await report.colorAt(4, 0.95)), background);
      }, { windows: ALL_WINDOWS });
    },
  );

  itInChromium(
    "shows shares, samples and time when the pointer is on a call",
    async () => {
      await withReport(PROFILE, async (report) => {
        assertEquals(
          await report.hoverGraph(4, 0.2),
          `${FORGED}\n40.00 % of all, 66.67 % of parent, 1 sample, 400.0 ms\njitted, /src/a.calc:7`,
        );
        assertEquals(
          await report.hoverGraph(2, 0.2),
          "main\n90.00 % of all, 100.00 % of parent, 4 samples, 900.0 ms\nnative, /usr/bin/deno",
        );
        await report.page.mouse.move(0, 0);
        assert(!await report.page.locator(".tip").isVisible());
      });
    },
  );

  itInChromium(
    "zooms when a call is clicked, until the zoom is reset",
    async () => {
      await withReport(PROFILE, async (report) => {
        const { page } = report;
        await report.clickGraph(3, 0.3);
        assertMatch(await report.hoverGraph(4, 0.6), /^in<\/script>/);
        assertMatch(await report.hoverGraph(0, 0.9), /^all\n/);
        await page.keyboard.press("Escape");
        assertMatch(await report.hoverGraph(3, 0.7), /^JS:/);
        await report.clickGraph(3, 0.7);
        await page.getByText("Reset zoom").click();
        assertMatch(await report.hoverGraph(3, 0.3), /^outer\n/);
        assertEquals(report.state.zoom, undefined);
      });
    },
  );

  itInChromium(
    "draws callers in their callees when the graph is inverted",
    async () => {
      await withReport(PROFILE, async (report) => {
        await report.page.getByRole("button", { name: "Inverted" }).click();
        assertMatch(
          await report.hoverGraph(1, 0.2),
          /^in<\/script>.*\n40\.00 % of all/,
        );
        assertMatch(await report.hoverGraph(2, 0.2), /^outer\n40\.00 % of all/);
        assertEquals(report.state.graph, "callers");
        await report.page.getByRole("button", { name: "Flame graph" }).click();
        assertEquals(report.state.graph, undefined);
      });
    },
  );

  itInChromium(
    "is drawn in the other colors when the scheme changes",
    async () => {
      await withReport(PROFILE, async (report) => {
        const light = await report.colorAt(0, 0.9);
        await report.page.emulateMedia({ colorScheme: "dark" });
        const dark = await report.colorAt(0, 0.9);
        assert(light[0] > 128 && dark[0] < 128, `${light} ${dark}`);
      }, { windows: WINDOWS.slice(0, 1) });
    },
  );

  describe("of 100 000 distinct chains", () => {
    const functions = Array.from({ length: 50 }, (_, i) => at(`f${i}`, i + 1));

    /** Yields chains of four functions. Each chain occurs once. */
    function* chains(): Generator<Stack> {
      for (let i = 0; i < 100_000; i++) {
        const digits = [i, i / 50, i / 2500, i / 125_000].map(Math.floor);
        const symbols = digits.map((digit) => functions[digit % 50]);
        yield { process: "deno 1", symbols, weight: 1e6 };
      }
    }

    itInChromium("has all of them when it is open", async () => {
      await withReport(buildProfile(chains()), async (report) => {
        const { page } = report;
        const whole = "100.00 % of all, 100.00 % of parent, 100,000 samples";
        assertStringIncludes(await report.hoverGraph(1, 0.5), whole);
        assertStringIncludes(
          await report.hoverGraph(2, 0.01),
          "2.00 % of all, 2.00 % of parent, 2,000 samples",
        );
        const more = page.getByRole("button", { name: "Show more" });
        assertEquals((await report.functions()).length, 20);
        await more.click();
        assertEquals((await report.functions()).length, 40);
        assertEquals(await report.focused(), "Show more (10 left)");
        await page.fill("#search", "^f7$");
        assertMatch(
          await page.locator("#hits").innerText(),
          /^1 function, [\d,]+ samples/,
        );
        await page.fill("#search", "");
        await page.getByRole("button", { name: "Inverted" }).click();
        assertStringIncludes(
          await report.hoverGraph(1, 0.01),
          "100.00 % of all",
        );
      }, { windows: WINDOWS.slice(0, 1) });
    });
  });

  describe("of a recursion 10 000 deep", () => {
    itInChromium("can be scrolled and searched when it is open", async () => {
      const deep = buildProfile([{
        process: "deno 1",
        symbols: Array(10_000).fill(outer),
        weight: 1,
      }]);
      await withReport(deep, async (report) => {
        const { page } = report;
        await page.fill("#search", "outer");
        assertEquals(
          await page.locator("#hits").innerText(),
          "1 function, 1 sample, 100.00 %",
        );
        await page.evaluate("document.querySelector('.graph').scrollTop = 1e9");
        assertMatch(
          await report.hoverGraph(5, 0.5),
          /^outer\n100\.00 % of all/,
        );
      }, { windows: WINDOWS.slice(0, 1) });
    });
  });
});
