/**
 * Pages in Chromium.
 *
 * @module
 */

import { itUnless } from "./it_unless.ts";
import { chromium, type Page } from "./npm.ts";
import { isInstalled } from "./perf.ts";

const CHROMIUM = "/usr/bin/chromium";
const noChromium = await isInstalled(CHROMIUM)
  ? undefined
  : "chromium is not installed";

/** Registers a test that is ignored without Chromium, or fails with `CI=true`. */
export function itInChromium(name: string, fn: () => Promise<void>): void {
  const isCi = Deno.env.get("CI") === "true";
  itUnless(isCi ? undefined : noChromium, name, fn);
}

/** Opens a URL. Fails if a script of the page throws. Returns the URLs that it requests. */
export async function withPage(
  url: string,
  use: (page: Page) => Promise<void>,
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
    const page = await browser.newPage({
      viewport: { width: 1000, height: 700 },
    });
    const requests: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    const errors: Error[] = [];
    page.on("pageerror", (error) => errors.push(error));
    await page.goto(url);
    await use(page);
    if (errors.length > 0) throw errors[0];
    return requests.filter((requested) => requested !== url);
  } finally {
    await browser.close();
  }
}
