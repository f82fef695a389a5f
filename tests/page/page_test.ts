import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { describe } from "@std/testing/bdd";
import type { ListedCode } from "../../src/profile/code_listing.ts";
import type { Category, FrameSymbol } from "../../src/profile/frame_symbol.ts";
import { buildProfile, type Stack } from "../support/build_profile.ts";
import { itInChromium, WINDOWS } from "../support/chromium.ts";

import { withReport } from "../support/report_page.ts";

const MS = 1e6;

const symbol = (
  name: string,
  category: Category,
  line?: number,
): FrameSymbol => ({
  name,
  category,
  dso: category === "native" ? "/usr/bin/deno" : "",
  source: line === undefined ? undefined : { file: "/src/a.calc", line },
});

const FORGED = "in</script><img src=x onerror=alert(1)>";

const main = symbol("main", "native");
const outer = symbol("outer", "jitted", 3);
const inner = symbol(FORGED, "jitted", 7);
const outer4 = symbol("outer", "jitted", 4);
const script = symbol("JS:*handler", "javascript", 1);
const read = symbol("vfs_read", "kernel");

const stack = (weight: number, ...symbols: FrameSymbol[]): Stack => ({
  process: "deno 1",
  symbols,
  weight: weight * MS,
});

/** Returns an instruction of `outer`. */
const at = (offset: number, position = 16) => ({
  ...{ dump: "/jit-1.dump", position, offset },
});

/** Samples of 1000 ms. `outer` has 60 %, 40 % of it in a function with a forged name. */
const PROFILE = {
  ...buildProfile([
    stack(400, main, outer, inner),
    stack(200, main, outer),
    stack(200, main, script),
    { ...stack(100, main, script), tid: 2 },
    { ...stack(100, main, script, read), process: "sh 3" },
  ]),
  lost: 2,
  hints: [{ text: "<b>a hint", remedy: "a remedy" }],
};

describe("the page of a report in the browser", () => {
  itInChromium("describes the recording when it is opened", async () => {
    await withReport(PROFILE, async ({ page }) => {
      assertEquals(await page.title(), "a </title>");
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

  itInChromium(
    "sorts the functions when a column's head is clicked",
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
      await withReport(PROFILE, async (report) => {
        await report.page.fill("#search", "er");
        assertEquals(await report.violations(), []);
      });
    },
  );

  itInChromium(
    "is as wide as the window when the window is wide or narrow",
    async () => {
      await withReport(PROFILE, async (report) => {
        assertEquals(await report.contentWidth(), report.width);
      });
    },
  );
});

/** Function `outer` has two instructions, of two lines; it was compiled twice. */
const CODE: ListedCode = {
  listings: [16, 99].map((position) => ({
    dump: "/jit-1.dump",
    position,
    place: `8 bytes, load ${position}`,
    instructions: [
      {
        offset: 0,
        text: "push %rax",
        source: { file: "/src/a.calc", line: 3 },
      },
      { offset: 1, text: "<b>ret", source: { file: "/src/a.calc", line: 4 } },
    ],
  })),
  sourceOf: (file) =>
    file === "/src/a.calc"
      ? Array.from({ length: 20 }, (_, i) => `\t<i>text ${i + 1}`)
      : undefined,
};

/** A profile whose samples are at the instructions of {@linkcode CODE}. */
const CODE_PROFILE = buildProfile([
  { ...stack(300, main, outer), instruction: at(0) },
  { ...stack(100, main, outer4), instruction: at(1) },
  { ...stack(100, main, outer), instruction: at(0, 99) },
  stack(500, main, inner),
]);

describe("the code on a page in the browser", () => {
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
          "60.00 % 3 push %rax",
          "20.00 % 4 <b>ret",
        ]);
        assertEquals(await rows(2), ["20.00 % 3 push %rax", "4 <b>ret"]);
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
        assertEquals(await rows(1), ["3 push %rax", "100.00 % 4 <b>ret"]);
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

describe("the page of a recursion 10 000 deep", () => {
  itInChromium("can be scrolled and searched when it is open", async () => {
    const deep = buildProfile([stack(1, ...Array(10_000).fill(outer))]);
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
