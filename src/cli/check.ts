/**
 * `jitdump check`.
 *
 * @module
 */

import { checkDump } from "../reader/check_dump.ts";
import { JitDumpFormatError } from "../reader/format_error.ts";
import type { Finding } from "../reader/dump_checker.ts";
import { type Command, parse, UsageError } from "./command.ts";
import { colored, Output, printable } from "./output.ts";

/** Of each kind of finding so many are shown, unless all are asked for. */
const SHOWN = 3;

const HELP = `
Usage: jitdump check [--all] FILE…

Finds what perf, or another reader, would silently drop, misread or merge. A line
for each finding says at which byte of the file, what comes of it, and what to do.

  error     perf drops or misreads something
  warning   it depends on the reader, its version, or on what was meant

  --all   show every finding; otherwise the first ${SHOWN} of each kind

Needs --allow-read. Exit status: 0 if nothing was found, 1 if something was, or if a
file cannot be read.
`;

export const check: Command = {
  summary: "find what is wrong with a dump",
  help: HELP,
  async run(args) {
    const { values, positionals } = parse(args, { all: { type: "boolean" } });
    if (positionals.length === 0) throw new UsageError("no FILE is given");
    const output = new Output();
    let status = 0;
    for (const path of positionals) {
      const findings = await checkFile(path, values.all ?? false, output);
      if (findings > 0) status = 1;
    }
    output.flush();
    return status;
  },
};

/** Prints what is wrong with a file; gives how much. */
async function checkFile(
  path: string,
  isAll: boolean,
  output: Output,
): Promise<number> {
  const counts = new Map<string, number>();
  let total = 0;
  try {
    for await (const finding of checkDump(path)) {
      const count = (counts.get(finding.rule) ?? 0) + 1;
      counts.set(finding.rule, count);
      total++;
      if (isAll || count <= SHOWN) show(path, finding, output);
    }
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) throw error;
    if (error instanceof JitDumpFormatError) {
      output.line(`${path}: ${error.message}`);
    } else {
      // What is wrong with one file does not keep the others from being looked at.
      output.flush();
      console.error(`jitdump check: ${path}: ${(error as Error).message}`);
    }
    return 1;
  }
  for (const [rule, count] of counts) {
    if (isAll || count <= SHOWN) continue;
    output.line(
      `${path}: ${count - SHOWN} more of "${rule}" (--all shows them)`,
    );
  }
  output.line(
    total === 0
      ? `${path}: nothing is wrong`
      : `${path}: ${total} finding${total === 1 ? "" : "s"}`,
  );
  return total;
}

function show(path: string, finding: Finding, output: Output): void {
  const { offset, severity, rule, message, remedy } = finding;
  const color = severity === "error" ? "red" : "yellow";
  output.line(
    `${path}: byte ${offset}: ${colored(severity, color)}: ${rule}: ${
      printable(message)
    }. ${remedy}`,
  );
}
