import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
} from "@std/assert";
import { describe } from "@std/testing/bdd";
import { buildProfile } from "../support/build_profile.ts";
import { itInChromium, WINDOWS } from "../support/chromium.ts";
import { FORGED, outer, PROFILE } from "../support/example_report.ts";
import { withReport } from "../support/report_page.ts";

describe("the flame graph of a page in the browser", () => {
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
      });
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
});

describe("the page of a recursion 10 000 deep", () => {
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
      assertMatch(await report.hoverGraph(5, 0.5), /^outer\n100\.00 % of all/);
    }, { windows: WINDOWS.slice(0, 1) });
  });
});
