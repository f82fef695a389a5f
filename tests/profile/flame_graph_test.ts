import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { describe } from "@std/testing/bdd";
import { toFlameGraph } from "../../src/profile/flame_graph.ts";
import type { Category, FrameSymbol } from "../../src/profile/frame_symbol.ts";
import { buildProfile, type Stack } from "../support/build_profile.ts";
import { itInChromium, withPage } from "../support/chromium.ts";
import type { Page } from "../support/npm.ts";
import { temporaryDirectory } from "../support/script.ts";

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

const main = symbol("main", "native");
const outer = symbol("outer", "jitted", 3);
const inner = symbol("in</script>ner", "jitted", 7);
const script = symbol("JS:*handler", "javascript", 1);
const read = symbol("vfs_read", "kernel");

const stack = (weight: number, ...symbols: FrameSymbol[]): Stack => ({
  process: "deno 1",
  symbols,
  weight,
});

/** A profile of ten samples with a weight of 1000. */
const PROFILE = {
  ...buildProfile([
    stack(400, main, outer, inner),
    stack(200, main, outer),
    stack(300, main, script),
    stack(100, main, script, read),
  ]),
  samples: 10,
};

/** A chain deeper than a browser's stack. */
const DEEP = buildProfile([stack(1, ...Array(10_000).fill(outer))]);

/** Opens the profile's page; returns the URLs that it requests. */
async function withGraph(
  use: (page: Page) => Promise<void>,
  profile = PROFILE,
): Promise<string[]> {
  using directory = temporaryDirectory();
  const file = join(directory.path, "flames.html");
  Deno.writeTextFileSync(file, toFlameGraph(profile, "a <title>"));
  return await withPage(`file://${file}`, use);
}

/** Source code that returns the colors of all calls by name. */
const COLORS =
  `Object.fromEntries(Array.from(document.querySelectorAll("main button"),
    (button) => [button.textContent, getComputedStyle(button).backgroundColor]))`;

const call = (page: Page, name: string) =>
  page.locator("main button").filter({ hasText: name });
const width = async (page: Page, name: string) =>
  (await call(page, name).boundingBox())!.width;

describe("a flame graph in the browser", () => {
  itInChromium(
    "draws each call as wide as its share when it is offline",
    async () => {
      const others = await withGraph(async (page) => {
        assertEquals(await page.title(), "a <title>");
        const whole = await width(page, "all");
        assertGreater(whole, 900);
        for (
          const [name, share] of [
            ["outer", 0.6],
            ["in</script>ner", 0.4],
            ["JS:*handler", 0.4],
            ["vfs_read", 0.1],
          ] as const
        ) {
          const found = await width(page, name) / whole;
          assert(Math.abs(found - share) < 0.01, `${name}: ${found}`);
        }
        const legend = await page.locator("li").allInnerTexts();
        assertEquals(legend, ["jitted", "JavaScript", "native", "kernel"]);
        const byName: Record<string, string> = await page.evaluate(COLORS);
        const colors = ["outer", "JS:*handler", "main", "vfs_read"]
          .map((name) => byName[name]);
        assertEquals(new Set(colors).size, 4);
      });
      assertEquals(others, []);
    },
  );

  itInChromium(
    "shows the share and the source when the pointer is on a call",
    async () => {
      await withGraph(async (page) => {
        await call(page, "in</script>ner").hover();
        assertEquals(
          await page.locator("aside").innerText(),
          "in</script>ner\n40.00 %, jitted\n/src/a.calc:7",
        );
      });
    },
  );

  itInChromium("zooms in and out when a call is clicked", async () => {
    await withGraph(async (page) => {
      const whole = await width(page, "all");
      await call(page, "outer").click();
      assertEquals(await width(page, "outer"), whole);
      assertEquals(await call(page, "JS:*handler").count(), 0);
      const share = await width(page, "in</script>ner") / whole;
      assert(Math.abs(share - 2 / 3) < 0.01, String(share));
      await page.keyboard.press("Escape");
      assertEquals(await call(page, "JS:*handler").count(), 1);
      await call(page, "in</script>ner").click();
      await page.getByText("Reset zoom").click();
      assertEquals(await call(page, "JS:*handler").count(), 1);
    });
  });

  itInChromium("marks the matches when a text is searched", async () => {
    await withGraph(async (page) => {
      await page.fill("input", "vfs");
      const found = page.locator("main button.found");
      assertEquals(await found.allInnerTexts(), ["vfs_read"]);
      // The search is for a text, not for a pattern.
      await page.fill("input", "js:*H");
      assertEquals(await found.allInnerTexts(), ["JS:*handler"]);
      // Nested matches count once.
      assertMatch(await page.locator("output").innerText(), /^40\.00 % match/);
      await page.fill("input", "");
      assertEquals(await found.count(), 0);
    });
  });
});

describe("a flame graph of a recursion 10 000 deep", () => {
  itInChromium("can be searched when it is drawn", async () => {
    await withGraph(async (page) => {
      assertEquals(await page.locator("main button").count(), 10_002);
      await page.fill("input", "outer");
      assertMatch(await page.locator("output").innerText(), /^100\.00 % match/);
    }, DEEP);
  });
});
