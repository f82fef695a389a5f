/**
 * `deno task writers`: tests the reader, the checker and the report with dumps and perf
 * maps of other writers, and prints a table.
 *
 *     deno task writers [NAME…]
 *
 * @module
 */

import { whyPerfCannotRecord } from "../support/perf.ts";
import { installedPerfs } from "../support/perfs.ts";
import { Unavailable } from "./install.ts";
import { tryWriter, type Verdict } from "./try_writer.ts";
import { UNAVAILABLE, WRITERS } from "./writers.ts";

const USAGE = `Usage: deno task writers [NAME…]

Installs other writers of dumps and perf maps below ~/.cache/jitdump-writers (all, or those
whose names begin with NAME), records each with perf, and prints the results.

  check      rules of jitdump check's findings; FALSE? marks one that is not expected
  names      share of the hot functions in the jitted code's time; share without a name
  lines      shares of the programs' loops, 25:25:50 in most; the part of the time they cover
  perf …     the largest difference from the shares of this version, in percentage points;
             samples before the record of their function are early, and perf has no name for
             them`;

if (Deno.args.some((arg) => arg.startsWith("-"))) {
  console.log(USAGE);
  Deno.exit(2);
}
const reason = await whyPerfCannotRecord();
if (reason !== undefined) {
  console.error(reason);
  Deno.exit(1);
}
const perfs = await installedPerfs();
const writers = WRITERS.filter(({ name }) =>
  Deno.args.length === 0 || Deno.args.some((arg) => name.startsWith(arg))
);
const columns = [
  "check",
  "names",
  "lines",
  ...perfs.map(({ version }) => `perf ${version}`),
];
const unavailable = Object.entries(UNAVAILABLE);
let areRight = true;
row("writer", columns);
for (const writer of writers) {
  try {
    const { check, names, lines, shares } = await tryWriter(writer, perfs);
    const verdicts = [check, names, lines, ...shares];
    areRight &&= verdicts.every(({ isRight }) => isRight);
    row(writer.name, verdicts.map(cell));
  } catch (error) {
    if (error instanceof Unavailable) {
      unavailable.push([writer.name, error.message]);
    } else {
      areRight = false;
      console.log(`${writer.name}: WRONG: ${(error as Error).message}`);
    }
  }
}
for (const [name, reason] of unavailable) {
  console.log(`${name}: not available: ${reason}`);
}
if (!areRight) Deno.exitCode = 1;

function cell({ isRight, text }: Verdict): string {
  return `${isRight ? "" : "WRONG "}${text}`;
}

function row(name: string, cells: readonly string[]): void {
  console.log([name.padEnd(26), ...cells].join(" | "));
}
