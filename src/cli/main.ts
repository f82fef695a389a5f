/**
 * `jitdump`: looks at dumps.
 *
 * @module
 */

import { check } from "./check.ts";
import { type Command, UsageError } from "./command.ts";
import { doctor } from "./doctor.ts";
import { inspect } from "./inspect.ts";
import { record } from "./record.ts";
import { report } from "./report.ts";

const COMMANDS: Record<string, Command> = {
  record,
  report,
  doctor,
  inspect,
  check,
};

const USAGE = `Usage: jitdump COMMAND [OPTIONS] FILE…

${
  Object.entries(COMMANDS)
    .map(([name, { summary }]) => `  ${name.padEnd(8)}  ${summary}`).join("\n")
}

jitdump COMMAND --help says more of each.
Exit status: 0, 1 where there are findings or something failed, 2 for wrong usage.
`;

/** Runs a command line; gives the exit status. */
export async function main(args: string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === "--help" || name === "-h") {
    console.log(USAGE.trimEnd());
    return 0;
  }
  const command = Object.hasOwn(COMMANDS, name ?? "") && COMMANDS[name];
  if (!command) {
    if (name !== undefined) console.error(`jitdump: no command "${name}"\n`);
    console.error(USAGE.trimEnd());
    return 2;
  }
  // What is behind -- is another program's.
  const end = rest.indexOf("--");
  const own = end === -1 ? rest : rest.slice(0, end);
  if (own.includes("--help") || own.includes("-h")) {
    console.log(command.help.trim());
    return 0;
  }
  try {
    return await command.run(rest);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // Whoever read the output has seen enough, as `head` does.
    if (error instanceof Deno.errors.BrokenPipe) return 0;
    console.error(`jitdump ${name}: ${error.message}`);
    if (!(error instanceof UsageError)) return 1;
    console.error(`Try jitdump ${name} --help.`);
    return 2;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
