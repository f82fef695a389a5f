/**
 * The command line under test, in a process of its own.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { type CommandLine, type Outcome, run, runOrThrow } from "./perf.ts";

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

const COMMAND_LINES = fileURLToPath(
  new URL("command_lines.ts", import.meta.url),
);

/**
 * Runs command lines that only print text, such as help or an error of usage, in one
 * process without permissions. A process for each would take most of the time of the tests.
 */
export async function jitdumpEach(
  lines: readonly (readonly string[])[],
): Promise<Pick<Outcome, "code" | "stdout" | "stderr">[]> {
  const { stdout } = await runOrThrow([
    Deno.execPath(),
    ...["run", "--no-config", "--no-prompt", COMMAND_LINES],
    JSON.stringify(lines),
  ]);
  return JSON.parse(stdout);
}
