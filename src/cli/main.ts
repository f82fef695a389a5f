/**
 * `jitdump`: records and reports profiles, and checks dumps.
 *
 * @module
 */

import config from "../../deno.json" with { type: "json" };
import { check } from "./check.ts";
import { type Command, suggest, UsageError } from "./command.ts";
import { completions } from "./completions.ts";
import { diff } from "./diff.ts";
import { doctor } from "./doctor.ts";
import { inspect } from "./inspect.ts";
import { record } from "./record.ts";
import { report } from "./report.ts";
import { top } from "./top.ts";

const COMMANDS: Readonly<Record<string, Command>> = {
  record,
  report,
  top,
  diff,
  doctor,
  inspect,
  check,
  completions: completions(() => ({
    ...COMMANDS,
    help: {
      summary: "describe a command",
      options: {},
      argumentNames: Object.keys(COMMANDS),
    },
  })),
};

/** Width of the column of names. */
const WIDTH = Math.max(...Object.keys(COMMANDS).map(({ length }) => length));

const USAGE = `Usage: jitdump COMMAND [OPTIONS] FILE…

${
  Object.entries(COMMANDS)
    .map(([name, { summary }]) => `  ${name.padEnd(WIDTH)}  ${summary}`).join(
      "\n",
    )
}

jitdump help COMMAND, or jitdump COMMAND --help, describes a command.
jitdump --version prints the version.
Exit status: 0 on success, 1 for findings or failures, 2 for wrong usage.
`;

/** Returns the command with a name; throws a {@linkcode UsageError} if there is none. */
function find(name: string): Command {
  if (Object.hasOwn(COMMANDS, name)) return COMMANDS[name];
  const names = Object.keys(COMMANDS);
  throw new UsageError(`unknown command "${name}"${suggest(name, names)}`);
}

/** Returns what `jitdump help ARGS` prints. */
function help(args: string[]): string {
  if (args.length > 1) throw new UsageError("help accepts only one COMMAND");
  return args.length === 0 ? USAGE : find(args[0]).help;
}

/** Returns whether the arguments before `--` request help. */
function requestsHelp(args: string[]): boolean {
  const end = args.indexOf("--");
  const own = end === -1 ? args : args.slice(0, end);
  return own.includes("--help") || own.includes("-h");
}

/** Returns the usage lines of a help text. */
const synopsis = (help: string) => help.trim().split("\n\n")[0];

/** Runs a command line, and returns the exit status. */
export async function main(args: string[]): Promise<number> {
  const [name, ...rest] = args;
  let prefix = "jitdump";
  let usage = USAGE;
  try {
    if (name === undefined) throw new UsageError("COMMAND is missing");
    if (name === "--version" || name === "-V") {
      console.log(`jitdump ${config.version}`);
      return 0;
    }
    if (name === "help" || name === "--help" || name === "-h") {
      console.log(help(rest).trim());
      return 0;
    }
    if (name.startsWith("-")) {
      const options = ["--help", "--version"];
      throw new UsageError(`unknown option ${name}${suggest(name, options)}`);
    }
    const command = find(name);
    if (requestsHelp(rest)) {
      console.log(command.help.trim());
      return 0;
    }
    prefix = `jitdump ${name}`;
    usage = `${synopsis(command.help)}\n\nTry jitdump ${name} --help.`;
    return await command.run(rest);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // The process that read the output, such as head(1), has ended.
    if (error instanceof Deno.errors.BrokenPipe) return 0;
    console.error(`${prefix}: ${error.message}`);
    if (!(error instanceof UsageError)) return 1;
    console.error(`\n${usage.trim()}`);
    return 2;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
