import {
  assert,
  assertEquals,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import {
  describeInChromium,
  itInChromium,
  WINDOWS,
} from "../support/chromium.ts";
import { CODE, CODE_PROFILE } from "../support/example_report.ts";
import { withReport } from "../support/report_page.ts";

describeInChromium("the code on a page in the browser", () => {
  itInChromium(
    "has sources, instructions and their shares when a function is selected",
    async () => {
      await withReport(CODE_PROFILE, async (report) => {
        const { page } = report;
        await page.locator(".functions").getByRole("button", { name: /^outer/ })
          .click();
        const listings = page.locator(".code .listing");
        const rows = async (listing: number) =>
          (await listings.nth(listing).locator("tbody tr").allInnerTexts())
            .map((row) =>
              row.split("\t").map((cell) => cell.trim()).join(" ").trim()
            );
        assertEquals(await rows(0), [
          "1  <i>text 1",
          "2  <i>text 2",
          "80.00 % 3  <i>text 3",
          "20.00 % 4  <i>text 4",
          "5  <i>text 5",
          "6  <i>text 6",
        ]);
        assertEquals(await rows(1), [
          "60.00 % +0 3 push %rax",
          "20.00 % +1 4 <b>ret",
        ]);
        assertEquals(await rows(2), ["20.00 % +0 3 push %rax", "+1 4 <b>ret"]);
        assertEquals(await listings.locator("h3").allInnerTexts(), [
          "/src/a.calc",
          "8 bytes, load 16, 80.00 %",
          "8 bytes, load 99, 20.00 %",
        ]);
        const [source, first] = await Promise.all(
          [0, 1].map((i) => listings.nth(i).boundingBox()),
        );
        if (report.width > 1000) assertEquals(source!.y, first!.y);
        else assert(source!.y < first!.y);
        const color = (row: number) =>
          page.evaluate<string>(
            `getComputedStyle(document.querySelectorAll(".code .listing:has(.line) tbody")[1].rows[${row}]).backgroundColor`,
          );
        assertNotEquals(await color(0), await color(1));
        // The shares are those of the selected time range.
        await report.dragTime(0.2, 0.5);
        assertEquals(await rows(1), ["+0 3 push %rax", "100.00 % +1 4 <b>ret"]);
      }, { code: CODE });
    },
  );

  itInChromium(
    "marks a line and its instructions when its number is clicked",
    async () => {
      await withReport(CODE_PROFILE, async (report) => {
        const { page } = report;
        const marked = page.locator(".code tr.marked .text");
        await page.locator(".functions").getByRole("button", { name: /^outer/ })
          .click();
        await page.getByRole("button", { name: "Line 4" }).first().click();
        assertEquals(await marked.allInnerTexts(), [
          ...["\t<i>text 4", "<b>ret", "<b>ret"],
        ]);
        assertEquals(await report.focused(), "4");
        await page.reload();
        assertEquals(await marked.count(), 3);
        await page.getByRole("button", { name: "Line 4" }).first().click();
        assertEquals(await marked.count(), 0);
      }, { code: CODE });
    },
  );

  itInChromium(
    "has only the lines' shares when there are no sources and instructions",
    async () => {
      await withReport(CODE_PROFILE, async ({ page }) => {
        await page.locator(".functions").getByRole("button", { name: /^outer/ })
          .click();
        const code = page.locator(".code");
        assertStringIncludes(await code.innerText(), "could not be read");
        assertEquals(await code.locator("tbody tr").count(), 2);
        await page.locator(".functions").getByRole("button", { name: /^main/ })
          .click();
        assert(!await code.isVisible());
      }, { windows: WINDOWS.slice(0, 1) });
    },
  );
});
