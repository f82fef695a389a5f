/**
 * Pages in Chromium.
 *
 * @module
 */

import { afterAll, beforeAll, describe } from "@std/testing/bdd";
import { itRequiring, whyMissing } from "./it_unless.ts";
import { type Browser, chromium, type Page } from "./npm.ts";

const CHROMIUM = "/usr/bin/chromium";
const noChromium = await whyMissing(CHROMIUM);

/** The browser of the current group of tests. */
let browser: Browser;

/** Page of the browser for the next test, because a new one starts a process. */
let idlePage: Page | undefined;

/** Registers a group of tests that share a browser. */
export function describeInChromium(name: string, fn: () => void): void {
  describe(name, () => {
    beforeAll(async () => {
      if (noChromium === undefined) browser = await launch();
    });
    afterAll(async () => {
      if (noChromium === undefined) await browser.close();
      idlePage = undefined;
    });
    fn();
  });
}

const launch = () =>
  chromium.launch({
    executablePath: CHROMIUM,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });

/**
 * Registers a test of such a group. It is ignored, or fails in a CI job, if Chromium is not
 * installed.
 */
export const itInChromium = (name: string, fn: () => Promise<void>): void =>
  itRequiring(noChromium, name, fn);

/** A window of a browser. */
export interface Window {
  readonly width: number;
  readonly scheme: "light" | "dark";
}

/** A wide and a narrow window, light and dark: for tests of layout and colors. */
export const ALL_WINDOWS: readonly Window[] = [1400, 400].flatMap((width) =>
  (["light", "dark"] as const).map((scheme) => ({ width, scheme }))
);

const [WIDE_LIGHT, , , NARROW_DARK] = ALL_WINDOWS;

/** Each width and each color scheme once: for tests of controls. */
export const WINDOWS: readonly Window[] = [WIDE_LIGHT, NARROW_DARK];

const DEFAULT_WINDOW: Window = { width: 1000, scheme: "light" };

/** Opens a URL. Throws if a script of the page does. Returns the URLs that it requests. */
export function withPage(
  url: string,
  use: (page: Page) => Promise<void>,
): Promise<string[]> {
  return inWindows([DEFAULT_WINDOW], url, use);
}

/** Opens a URL in one window after another. Throws and returns like {@linkcode withPage}. */
export async function inWindows(
  windows: readonly Window[],
  url: string,
  use: (page: Page, window: Window) => Promise<void>,
): Promise<string[]> {
  const page = idlePage ?? await browser.newPage();
  idlePage = undefined;
  const requests: string[] = [];
  page.on("request", (request) => requests.push(request.url()));
  const errors: Error[] = [];
  page.on("pageerror", (error) => errors.push(error));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(new Error(message.text()));
  });
  for (const window of windows) {
    await page.mouse.move(0, 0);
    await page.setViewportSize({ width: window.width, height: 700 });
    await page.emulateMedia({ colorScheme: window.scheme });
    await page.goto(url);
    await use(page, window);
    if (errors.length > 0) throw errors[0];
  }
  for (const event of ["request", "pageerror", "console"]) {
    await page.removeAllListeners(event);
  }
  idlePage = page;
  return requests.filter((requested) => requested !== url);
}
