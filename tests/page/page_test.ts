import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import {
  ALL_WINDOWS,
  describeInChromium,
  itInChromium,
} from "../support/chromium.ts";
import {
  CODE,
  CODE_PROFILE,
  FORGED,
  PROFILE,
} from "../support/example_report.ts";
import { withReport } from "../support/report_page.ts";

describeInChromium("the page of a report in the browser", () => {
  itInChromium("describes the recording when it is opened", async () => {
    await withReport(PROFILE, async ({ page }) => {
      assertEquals(await page.title(), "a </title>");
      assertMatch(
        (await page.locator("meta[http-equiv]").getAttribute("content"))!,
        /^default-src 'none'; script-src 'sha256-/,
      );
      assertEquals(await page.locator("h1").innerText(), "a </title>");
      const head = await page.locator("header").innerText();
      for (
        const text of [
          "perf record a program",
          "2025-01-01 00:00:00 UTC",
          "on host",
          "5 samples of cpu-clock",
          "2 records lost",
          "jitted 60.00 %",
          "JavaScript 30.00 %",
          "kernel 10.00 %",
          "All 5 samples, 1,000.0 ms",
        ]
      ) assertStringIncludes(head, text);
      await page.locator("summary").click();
      assertEquals(
        await page.locator(".hints li").innerText(),
        "<b>a hint: a remedy",
      );
    });
  });

  itInChromium(
    "can be used by the keyboard when there is no pointer",
    async () => {
      await withReport(PROFILE, async (report) => {
        const { page } = report;
        const press = async (...keys: string[]) => {
          for (const key of keys) await page.keyboard.press(key);
        };
        await page.locator(".graph").focus();
        await press("ArrowDown", "ArrowDown", "ArrowDown");
        assertMatch(await report.currentCall(), /^outer; 60\.00 % of all/);
        assert(await page.locator(".tip").isVisible());
        await press("ArrowRight");
        assertMatch(await report.currentCall(), /^JS:\*handler/);
        await press("ArrowLeft", "ArrowDown", "Enter");
        assertMatch(await report.hoverGraph(4, 0.9), /^in</);
        await page.mouse.move(0, 0);
        await press("ArrowUp");
        assertMatch(await report.currentCall(), /^outer/);
        await press("Home");
        assertMatch(await report.currentCall(), /^all/);
        await press("Escape");
        assertEquals(report.state.zoom, undefined);
        // Every control can be reached by Tab.
        const reached = new Set<string>();
        await page.locator("body").focus();
        await page.evaluate("document.activeElement.blur()");
        for (let i = 0; i < 60; i++) {
          await press("Tab");
          reached.add(
            await page.evaluate(
              "(document.activeElement.getAttribute('aria-label') ?? document.activeElement.id) || document.activeElement.textContent.slice(0, 16)",
            ),
          );
        }
        for (
          const control of [
            ...["Time from, in seconds", "Time to, in seconds", "Whole time"],
            ...["threads", "search", "Previous", "Next", "Inverted", "Calls"],
            ...["Reset zoom", "Self", "Total", "Function", "JS:*handler (jav"],
            ...["Graph of callers", "Graph of callees"],
          ]
        ) assert(reached.has(control), `${control}: ${[...reached].join()}`);
      });
    },
  );

  itInChromium(
    "restores its state when it is reloaded or the user goes back",
    async () => {
      await withReport(PROFILE, async (report) => {
        const { page } = report;
        const heading = page.locator(".selected h2");
        await page.fill("#search", "er$");
        await report.clickGraph(3, 0.3);
        await page.getByLabel("Threads").selectOption("p1");
        await page.getByRole("button", { name: "Total" }).click();
        await report.dragTime(0, 0.6);
        await page.getByRole("button", { name: "Inverted" }).click();
        const shown = async () => [
          await page.locator("main").innerText(),
          await page.locator("#search").inputValue(),
          await page.getByLabel("Threads").inputValue(),
        ];
        const before = await shown();
        assertEquals(Object.keys(report.state).sort(), [
          ...["function", "graph", "pid", "search", "sort", "until"],
        ]);
        await page.reload();
        assertEquals(await shown(), before);
        await page.goBack();
        assertEquals(report.state.graph, undefined);
        assertEquals(report.state.zoom.split(".").length, 3);
        await page.goBack();
        assertEquals(report.state.until, undefined);
        for (let i = 0; i < 3; i++) await page.goBack();
        assertEquals(report.state, { search: "er$" });
        assertEquals(await heading.innerText(), FORGED);
      });
    },
  );

  itInChromium(
    "has no violations of accessibility when axe-core checks it",
    async () => {
      await withReport(CODE_PROFILE, async (report) => {
        const { page } = report;
        await page.fill("#search", "er");
        await page.locator(".functions").getByRole("button", { name: /^outer/ })
          .click();
        await page.getByRole("button", { name: "Line 4" }).first().click();
        assertEquals(await report.violations(), []);
      }, { windows: ALL_WINDOWS, code: CODE });
    },
  );

  itInChromium(
    "is as wide as the window when the window is wide or narrow",
    async () => {
      await withReport(PROFILE, async (report) => {
        assertEquals(await report.contentWidth(), report.width);
      }, { windows: ALL_WINDOWS });
    },
  );
});
