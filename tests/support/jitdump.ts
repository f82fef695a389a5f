/**
 * The command line under test, in a process of its own.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { type CommandLine, type Outcome, run } from "./perf.ts";

/** Path of the command line's main module. */
export const CLI = fileURLToPath(
  new URL("../../src/cli/main.ts", import.meta.url),
);

/** Returns the command that runs `jitdump` with permission flags and arguments. */
export const jitdumpCommand = (
  flags: readonly string[],
  ...args: string[]
): CommandLine => [
  Deno.execPath(),
  ...["run", "--no-config", "--no-prompt", ...flags, CLI],
  ...args,
];

/** Runs `jitdump` with only the permission flags that its documentation names. */
export const jitdump = (
  args: string[],
  flags: readonly string[] = ["--allow-read"],
): Promise<Outcome> => run(jitdumpCommand(flags, ...args));
