import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { describeInChromium, itInChromium } from "../support/chromium.ts";
import { FORGED, PROFILE } from "../support/example_report.ts";
import { withReport } from "../support/report_page.ts";

describeInChromium("the controls of a page in the browser", () => {
  itInChromium(
    "sorts the functions when a column's header is clicked",
    async () => {
      await withReport(PROFILE, async (report) => {
        const { page } = report;
        const names = () => report.functions();
        assertEquals(await names(), [
          ...[FORGED, "JS:*handler", "outer", "vfs_read", "main"],
        ]);
        await page.getByRole("button", { name: "Total" }).click();
        assertEquals((await names()).slice(0, 2), ["main", "outer"]);
        assertEquals(await report.focused(), "Total");
        const sorted = page.locator("th[aria-sort]");
        assertEquals(await sorted.innerText(), "Total");
        await page.locator("thead").getByRole("button", { name: "Function" })
          .click();
        assertEquals((await names()).slice(0, 2), ["JS:*handler", FORGED]);
        assertEquals(await sorted.getAttribute("aria-sort"), "ascending");
        const row = page.locator(".functions tbody tr").first();
        assertMatch(await row.innerText(), /^30\.00 %\t/);
      });
    },
  );

  itInChromium(
    "shows callers and callees when a function is clicked",
    async () => {
      await withReport(PROFILE, async (report) => {
        const { page } = report;
        await page.locator(".functions").getByRole("button", { name: /^outer/ })
          .click();
        const selected = page.locator(".selected");
        assertEquals(await selected.locator("h2").innerText(), "outer");
        const text = await selected.innerText();
        assertStringIncludes(text, "20.00 % of all, 1 sample, 200.0 ms");
        assertStringIncludes(text, "60.00 % of all, 2 samples, 600.0 ms");
        assertStringIncludes(text, "/src/a.calc:3");
        const rows = selected.locator(".neighbors tbody tr");
        const cells = async (row: number) =>
          (await rows.nth(row).innerText()).split("\t")
            .map((cell) => cell.trim()).filter(Boolean);
        const [share, , , name] = report.width > 1000
          ? await cells(1)
          : [(await cells(1))[0], "", "", (await cells(1))[1]];
        assertEquals([share, name.split("\n")[0]], ["66.67 %", FORGED]);
        assertEquals((await cells(0))[0], "100.00 %");
        assert((await report.focused()).startsWith("outer"));
        await selected.getByRole("button", { name: /^in</ }).click();
        assertEquals(await selected.locator("h2").innerText(), FORGED);
        await selected.getByText("Graph of callers").click();
        assertMatch(await report.hoverGraph(0, 0.9), /^in<.*\n40\.00 % of all/);
        assertMatch(await report.hoverGraph(1, 0.9), /^outer\n/);
        await page.locator("button.focus").click();
        assertMatch(await report.hoverGraph(0, 0.9), /^all\n/);
      });
    },
  );

  itInChromium(
    "shows only a time range when the samples are dragged over",
    async () => {
      await withReport(PROFILE, async (report) => {
        const { page } = report;
        const selection = page.locator(".selection");
        // Samples are at 0, 25, 50, 75 and 100 % of the time.
        await report.dragTime(0.4, 0.9);
        assertEquals(
          await selection.innerText(),
          "2 samples of 5 selected, 300.0 ms",
        );
        assertEquals(await report.functions(), ["JS:*handler", "main"]);
        assert(await page.locator(".range").isVisible());
        await page.getByRole("button", { name: "Whole time" }).click();
        assertMatch(await selection.innerText(), /^All 5 samples/);
        // The same from right to left, and a click that selects nothing.
        await report.dragTime(0.9, 0.4);
        assertMatch(await selection.innerText(), /^2 samples of 5/);
        await report.dragTime(0.2, 0.2);
        assertMatch(await selection.innerText(), /^2 samples of 5/);
        await page.getByLabel("Time from").fill("0");
        await page.getByLabel("Time to").fill("0.002");
        await page.keyboard.press("Enter");
        assertEquals(await report.functions(), [FORGED, "outer", "main"]);
        assertEquals(report.state.until, "0.002");
      });
    },
  );

  itInChromium(
    "shows only a process or a thread when it is selected",
    async () => {
      await withReport(PROFILE, async (report) => {
        const select = report.page.getByLabel("Threads");
        assertEquals(await select.locator("option").allInnerTexts(), [
          "All: 5 samples",
          "Process deno 1: 4 samples",
          "\u2003Thread deno 1: 3 samples",
          "\u2003Thread thread 2 2: 1 sample",
          "Process sh 3: 1 sample",
        ]);
        await select.focus();
        await select.selectOption("p3");
        assertEquals(await report.focused(), "threads");
        assertEquals(await report.functions(), [
          "vfs_read",
          "JS:*handler",
          "main",
        ]);
        await select.selectOption("t2");
        assertEquals(await report.functions(), ["JS:*handler", "main"]);
        assertMatch(
          await report.page.locator(".selection").innerText(),
          /^1 sample of 5 selected, 100\.0 ms/,
        );
      });
    },
  );

  itInChromium(
    "counts and steps through matches when a pattern is searched",
    async () => {
      await withReport(PROFILE, async (report) => {
        const { page } = report;
        const hits = page.locator("#hits");
        await page.keyboard.press("/");
        assertEquals(await report.focused(), "search");
        await page.keyboard.type("^(js:|VFS|outer)");
        assertEquals(
          await hits.innerText(),
          "3 functions, 5 samples, 100.00 %",
        );
        assertEquals(await report.functions(), [
          "JS:*handler",
          "outer",
          "vfs_read",
        ]);
        const heading = page.locator(".selected h2");
        await page.keyboard.press("Enter");
        assertEquals(await heading.innerText(), "JS:*handler");
        assertMatch(await hits.innerText(), /^1 of 3 functions/);
        assertMatch(
          await report.currentCall(),
          /^JS:\*handler; 30\.00 % of all/,
        );
        await page.getByRole("button", { name: "Next" }).click();
        assertEquals(await heading.innerText(), "outer");
        await page.getByRole("button", { name: "Previous" }).click();
        await page.getByRole("button", { name: "Previous" }).click();
        assertEquals(await heading.innerText(), "vfs_read");
        await page.fill("#search", "(");
        assertEquals(await hits.innerText(), "Not a regular expression");
        await page.fill("#search", "nothing");
        assertEquals(await hits.innerText(), "0 functions, 0 samples, 0.00 %");
        await page.fill("#search", "");
        assertEquals(await hits.innerText(), "");
      });
    },
  );
});
