/**
 * Pages of reports in Chromium.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import type { ListedCode } from "../../src/profile/code_listing.ts";
import { toPage } from "../../src/profile/page.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { inWindows, type Window, WINDOWS } from "./chromium.ts";
import { axe, type Page } from "./npm.ts";
import { temporaryDirectory } from "./script.ts";

/** Height of a row of the flame graph in pixels. */
const ROW = 20;

/** A page of a report, by its controls. */
export class ReportPage {
  constructor(readonly page: Page, readonly width: number) {}

  /** Clicks the flame graph. */
  async clickGraph(row: number, share: number): Promise<void> {
    await this.page.locator(".graph canvas").click({
      position: await this.#position(row, share),
    });
  }

  /** Moves the pointer to a call of the flame graph; returns the text beside it. */
  async hoverGraph(row: number, share: number): Promise<string> {
    await this.page.locator(".graph canvas").hover({
      position: await this.#position(row, share),
    });
    return await this.page.locator(".tip").innerText();
  }

  /** Returns the color of the flame graph at a position, as its red, green and blue. */
  async colorAt(row: number, share: number): Promise<number[]> {
    const { x, y } = await this.#position(row, share);
    // The text of a box does not reach its lower edge.
    const pixel = `canvas.getContext("2d").getImageData(${x}, ${
      y + ROW / 2 - 3
    }, 1, 1).data.slice(0, 3)`;
    return await this.page.evaluate(
      `{ const canvas = document.querySelector(".graph canvas"); [...${pixel}] }`,
    );
  }

  /** Drags over the samples from one share of the time to another. */
  async dragTime(from: number, to: number): Promise<void> {
    const plot = this.page.locator(".plot");
    await plot.scrollIntoViewIfNeeded();
    const box = (await plot.boundingBox())!;
    const move = (share: number) =>
      this.page.mouse.move(box.x + share * box.width, box.y + 20);
    await move(from);
    await this.page.mouse.down();
    await move((from + to) / 2);
    await move(to);
    await this.page.mouse.up();
  }

  /** Returns the names of the table's functions. */
  async functions(): Promise<string[]> {
    return await this.page.locator(".functions td.name .text").allInnerTexts();
  }

  /** Returns the text of the current call of the flame graph. */
  async currentCall(): Promise<string> {
    return (await this.page.locator("#call").textContent())!;
  }

  /** Returns the state in the page's URL. */
  get state(): Record<string, string> {
    const { hash } = new URL(this.page.url());
    return Object.fromEntries(new URLSearchParams(hash.slice(1)));
  }

  /** Returns the text of the element that has the focus. */
  async focused(): Promise<string> {
    return await this.page.evaluate(
      "document.activeElement.id || document.activeElement.textContent.slice(0, 100)",
    );
  }

  /** Returns violations of accessibility that axe-core finds, each with its elements. */
  async violations(): Promise<string[]> {
    await this.page.evaluate(axe.source);
    const { violations } = await this.page.evaluate("axe.run()") as {
      violations: { impact: string; id: string; nodes: { html: string }[] }[];
    };
    return violations.map(({ impact, id, nodes }) =>
      `${impact} ${id}: ${nodes.map(({ html }) => html).join(" ")}`
    );
  }

  /** Returns the width of the page's content in pixels. */
  async contentWidth(): Promise<number> {
    return await this.page.evaluate("document.documentElement.scrollWidth");
  }

  async #position(
    row: number,
    share: number,
  ): Promise<{ x: number; y: number }> {
    const canvas = this.page.locator(".graph canvas");
    await canvas.scrollIntoViewIfNeeded();
    const { width } = (await canvas.boundingBox())!;
    return { x: Math.round(width * share), y: row * ROW + ROW / 2 };
  }
}

/** Opens the page of a profile in a wide and a narrow window, without a network. */
export async function withReport(
  profile: Profile,
  use: (report: ReportPage) => Promise<void>,
  { windows = WINDOWS, code }: {
    readonly windows?: readonly Window[];
    readonly code?: ListedCode;
  } = {},
): Promise<void> {
  using directory = temporaryDirectory();
  const file = join(directory.path, "page.html");
  Deno.writeTextFileSync(file, await toPage(profile, "a </title>", code));
  const requests = await inWindows(
    windows,
    `file://${file}`,
    (page, { width }) => use(new ReportPage(page, width)),
  );
  assertEquals(requests.filter((url) => !url.startsWith(`file://${file}`)), []);
}
