/**
 * Opening of a page in a browser.
 *
 * @module
 */

/** The program that opens a file on a desktop. It uses the browser of the variable BROWSER. */
const OPENER = "xdg-open";

/** Timeout for the opener in milliseconds: a browser in a terminal keeps it running. */
const TIMEOUT = 5000;

/**
 * Opens a file in the user's browser.
 *
 * @throws {Error} If there is no browser, or Deno may not start it.
 */
export async function openPage(path: string): Promise<void> {
  const child = start(path);
  const timeout = Promise.withResolvers<void>();
  const timer = setTimeout(timeout.resolve, TIMEOUT);
  const status = await Promise.race([child.status, timeout.promise]);
  clearTimeout(timer);
  child.unref();
  if (!status || status.success) return;
  throw new Error(
    `${OPENER} found no browser (status ${status.code}): open ${path} in one, or set BROWSER`,
  );
}

function start(path: string): Deno.ChildProcess {
  try {
    return new Deno.Command(OPENER, {
      args: [path],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) {
      throw new Error(
        `Deno may not open a browser: run again with --allow-run=${OPENER}, or open ${path} in one`,
      );
    }
    if (error instanceof Deno.errors.NotFound) {
      throw new Error(
        `${OPENER} is not installed: install the package xdg-utils, or open ${path} in a browser`,
      );
    }
    throw error;
  }
}
