/**
 * Runs command lines of `jitdump` one after the other; prints their outcomes as JSON.
 *
 *     deno run tests/support/command_lines.ts JSON
 *
 * @module
 */

import { main } from "../../src/cli/main.ts";

const outcomes: { code: number; stdout: string; stderr: string }[] = [];
const { log } = console;
for (const args of JSON.parse(Deno.args[0])) {
  const printed = { stdout: "", stderr: "" };
  console.log = (text: string) => printed.stdout += `${text}\n`;
  console.error = (text: string) => printed.stderr += `${text}\n`;
  outcomes.push({ code: await main(args), ...printed });
}
log(JSON.stringify(outcomes));
