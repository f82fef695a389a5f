/**
 * Pages in Chromium.
 *
 * @module
 */

import { itRequiring, whyMissing } from "./it_unless.ts";
import { chromium, type Page } from "./npm.ts";

const CHROMIUM = "/usr/bin/chromium";
const noChromium = await whyMissing(CHROMIUM);

/** Registers a test that is ignored, or fails in a CI job, if Chromium is not installed. */
export const itInChromium = (name: string, fn: () => Promise<void>): void =>
  itRequiring(noChromium, name, fn);

/** A window of a browser. */
export interface Window {
  readonly width: number;
  readonly scheme: "light" | "dark";
}

/** A wide and a narrow window, light and dark. */
export const WINDOWS: readonly Window[] = [1400, 400].flatMap((width) =>
  (["light", "dark"] as const).map((scheme) => ({ width, scheme }))
);

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
  const browser = await chromium.launch({
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
  try {
    const requests: string[] = [];
    for (const window of windows) {
      const { width, scheme } = window;
      const page = await browser.newPage({
        viewport: { width, height: 700 },
        colorScheme: scheme,
      });
      page.on("request", (request) => requests.push(request.url()));
      const errors: Error[] = [];
      page.on("pageerror", (error) => errors.push(error));
      page.on("console", (message) => {
        if (message.type() === "error") errors.push(new Error(message.text()));
      });
      await page.goto(url);
      await use(page, window);
      if (errors.length > 0) throw errors[0];
      await page.close();
    }
    return requests.filter((requested) => requested !== url);
  } finally {
    await browser.close();
  }
}
