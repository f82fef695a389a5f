/**
 * Creates the README's picture, `page.png` in this directory, and prints the table that the
 * README shows with it. Both show the demo with frame pointers.
 *
 *     deno run --allow-all tests/docs/make_picture.ts
 *
 * Needs perf and Chromium.
 *
 * @module
 */

import { jitdumpCommand } from "../support/jitdump.ts";
import { type CommandLine, runOrThrow } from "../support/perf.ts";

const path = (relative: string) => new URL(relative, import.meta.url).pathname;

const PICTURE = path("page.png");

/** The project by a short path, which the page shows. */
const PROJECT = "jitdump";
const DEMO = `${PROJECT}/tests/demo/main.ts`;
const SIZE = "1200,1080";
const SCALE = "1000";

/** Number of lines of the table in the README. */
const LINES = 8;

const directory = await Deno.makeTempDir({ prefix: "jitdump-picture-" });
const jitdump = jitdumpCommand(["--allow-all"]);
const demo = ["deno", "run", "--allow-all", DEMO, ".", SCALE, "frame-pointers"];
const chromium: CommandLine = [
  "chromium",
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--hide-scrollbars",
  `--user-data-dir=${directory}/chromium`,
  `--screenshot=${PICTURE}`,
  `--window-size=${SIZE}`,
  `file://${directory}/page.html`,
];

try {
  await Deno.symlink(path("../.."), `${directory}/${PROJECT}`);
  const inDirectory = { cwd: directory };
  await runOrThrow([...jitdump, "record", "--", ...demo], inDirectory);
  await runOrThrow(
    [...jitdump, "report", "--html", "page.html"],
    inDirectory,
  );
  const { stdout } = await runOrThrow([...jitdump, "report"], inDirectory);
  await runOrThrow(chromium, inDirectory);
  const lines = stdout.split("\n");
  const head = lines.findIndex((line) => line.startsWith("   self "));
  console.log(lines.slice(head, head + LINES).join("\n"));
} finally {
  await Deno.remove(directory, { recursive: true });
}
