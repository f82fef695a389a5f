/**
 * `jitdump check`.
 *
 * @module
 */

import { checkDump } from "../reader/check_dump.ts";
import { isDump } from "../reader/dump_magic.ts";
import type { Finding } from "../reader/finding.ts";
import { type Options as CommandOptions, optionsHelp } from "./options.ts";
import { type Command, parse, UsageError } from "./command.ts";
import { colored, json, Output, printable } from "./output.ts";

const OPTIONS = {
  all: { type: "boolean", help: "print a line for each finding" },
  json: {
    type: "boolean",
    help:
      "print a JSON object on each line, with file, offset, severity, rule, message, remedy, holdsFor (a list of versions) and, without --all, count",
  },
  strict: {
    type: "boolean",
    help: "exit with status 1 for warnings too",
  },
} as const satisfies CommandOptions;

const HELP = `
Usage: jitdump check [OPTIONS] FILE|DIRECTORY…

Finds what perf 6.1, 6.12 and 7.2 drop or misread in a dump. Checks all dumps of a
directory, with any name, or those of a recording. Prints a line for each kind of
finding: the byte offset of the first one, its effect, a remedy, the affected versions
of perf, and the count.

  error     perf drops or misreads something
  warning   perf may drop or misread something, depending on the use of the dump

${optionsHelp(OPTIONS)}

perf finds a dump only by the name jit-PID.dump. A dump with another name is treated as
a copy.

A dump does not record the end of its process, so check cannot find functions that are
missing after a complete last record. jitdump report finds them if they have samples.

Requires --allow-read. Exit status: 0 without errors, 1 with errors or if a file cannot
be read.
`;

/** A kind of finding: the first one, and their number. */
interface Kind {
  readonly first: Finding;
  count: number;
}

interface Options {
  readonly all?: boolean;
  readonly json?: boolean;
  readonly strict?: boolean;
}

export const check: Command = {
  summary: "find the faults of a dump",
  help: HELP,
  options: OPTIONS,
  async run(args) {
    const { values, positionals } = parse(args, OPTIONS);
    if (positionals.length === 0) throw new UsageError("FILE is missing");
    const output = new Output();
    let isClean = true;
    for (const path of positionals) {
      const files = dumpsOf(path);
      if (files.length === 0) {
        complain(path, "this directory contains no dump", output);
        isClean = false;
      }
      for (const file of files) {
        isClean = await checkFile(file, values, output) && isClean;
      }
    }
    output.flush();
    return isClean ? 0 : 1;
  },
};

/** Returns the dumps of a directory; returns any other path unchanged. */
function dumpsOf(path: string): string[] {
  if (!isDirectory(path)) return [path];
  const directory = path.replace(/(?<=.)\/+$/, "");
  const own = dumpsIn(directory);
  // A recording of jitdump record.
  return own.length === 0 && isDirectory(`${directory}/dumps`)
    ? dumpsBelow(`${directory}/dumps`)
    : own;
}

/** Returns the dumps in a directory. */
function dumpsIn(directory: string): string[] {
  return [...Deno.readDirSync(directory)]
    .filter(({ isFile }) => isFile)
    .map(({ name }) => `${directory}/${name}`)
    .filter((file) => /\/jit-[^/]*\.dump$/.test(file) || isDump(file))
    .sort();
}

/** Returns the dumps in a directory and the directories in it. */
function dumpsBelow(directory: string): string[] {
  const below = [...Deno.readDirSync(directory)]
    .filter(({ isDirectory }) => isDirectory)
    .map(({ name }) => `${directory}/${name}`).sort();
  return [...dumpsIn(directory), ...below.flatMap(dumpsBelow)];
}

function isDirectory(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false; // reading it reports the error
  }
}

/** Prints the findings of a file; returns whether the exit status can be 0. */
async function checkFile(
  path: string,
  options: Options,
  output: Output,
): Promise<boolean> {
  const kinds = new Map<string, Kind>();
  const counts = { error: 0, warning: 0 };
  try {
    for await (const finding of checkDump(path)) {
      counts[finding.severity]++;
      if (options.all) {
        show(path, finding, undefined, options, output);
        continue;
      }
      const { rule, severity, holdsFor } = finding;
      const key = `${rule} ${severity} ${holdsFor}`;
      const kind = kinds.get(key);
      if (kind) kind.count++;
      else kinds.set(key, { first: finding, count: 1 });
    }
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) throw error;
    // The other files are checked even if one cannot be read.
    complain(path, (error as Error).message, output);
    return false;
  }
  for (const { first, count } of kinds.values()) {
    show(path, first, count, options, output);
  }
  if (!options.json) output.line(`${path}: ${summary(counts)}`);
  return counts.error === 0 && !(options.strict && counts.warning > 0);
}

function complain(path: string, problem: string, output: Output): void {
  output.flush();
  console.error(`jitdump check: ${path}: ${problem}`);
}

function show(
  path: string,
  finding: Finding,
  count: number | undefined,
  options: Options,
  output: Output,
): void {
  if (options.json) {
    output.line(json({ file: path, ...finding, count }));
    return;
  }
  const { offset, severity, rule, message, remedy, holdsFor } = finding;
  const color = severity === "error" ? "red" : "yellow";
  const times = count !== undefined && count > 1 ? `; ${count} times` : "";
  output.line(
    `${path}: byte ${offset}: ${colored(severity, color)}: ${rule}: ${
      printable(message)
    }. ${remedy} [${versions(holdsFor)}${times}]`,
  );
}

/** Returns "perf 6.1, 6.12" for "perf 6.1" and "perf 6.12". */
function versions(holdsFor: readonly string[]): string {
  return holdsFor.map((version, i) =>
    i > 0 ? version.replace(/^perf /, "") : version
  ).join(", ");
}

function summary({ error, warning }: { error: number; warning: number }) {
  if (error + warning === 0) return "nothing is wrong";
  return `${plural(error, "error")}, ${plural(warning, "warning")}`;
}

const plural = (count: number, noun: string) =>
  `${count} ${noun}${count === 1 ? "" : "s"}`;
