/**
 * Creates the README's picture, `flame_graph.png` in this directory, and prints the table
 * that the README shows with it. Both are of the demo, with frame pointers.
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

const PICTURE = path("flame_graph.png");

const DEMO = path("../demo/main.ts");
const SIZE = "900,420";
const SCALE = "1000";

/** Number of rows of the table in the README, without its two header lines. */
const ROWS = 7;

const directory = await Deno.makeTempDir({ prefix: "jitdump-picture-" });
const deno = Deno.execPath();
const jitdump = jitdumpCommand(["--allow-all"]);
const demo = [deno, "run", "--allow-all", DEMO, ".", SCALE, "frame-pointers"];
const chromium: CommandLine = [
  "chromium",
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--hide-scrollbars",
  `--user-data-dir=${directory}/chromium`,
  `--screenshot=${PICTURE}`,
  `--window-size=${SIZE}`,
  `file://${directory}/flames.html`,
];

try {
  const inDirectory = { cwd: directory };
  await runOrThrow([...jitdump, "record", "--", ...demo], inDirectory);
  await runOrThrow(
    [...jitdump, "report", "--html", "flames.html"],
    inDirectory,
  );
  const { stdout } = await runOrThrow([...jitdump, "report"], inDirectory);
  await runOrThrow(chromium, inDirectory);
  console.log(stdout.split("\n").slice(0, 2 + ROWS).join("\n"));
} finally {
  await Deno.remove(directory, { recursive: true });
}
