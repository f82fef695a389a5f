/**
 * Measurements of a program's first functions, for which V8 interprets the writer.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { runOrThrow } from "../support/perf.ts";
import { median, type Report } from "./report.ts";
import { commandOf, measure, ORDINARY, type Writer } from "./writers.ts";

const ROUNDS = 41;

/** The first functions that are written, in groups. */
const GROUPS = [1, 10, 100, 889, 10_000];

const THOUSAND = 1000;

const PROGRAM = fileURLToPath(new URL("write_first.ts", import.meta.url));

const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);

/** The times of several runs of a program: opening, and each function. */
class Runs {
  readonly openings: number[] = [];
  readonly functions: number[][] = [];

  add([opening, ...functions]: number[]): void {
    this.openings.push(opening);
    this.functions.push(functions);
  }

  /** Returns the median time of a group's functions. */
  group(start: number, count: number): number {
    return median(
      this.functions.map((run) => sum(run.slice(start, start + count)) / count),
    );
  }

  /** Returns the times of opening and the first thousand functions, for each run. */
  thousands(): number[] {
    return this.functions.map((run, i) =>
      this.openings[i] + sum(run.slice(0, THOUSAND))
    );
  }

  /** Returns the medians of each function but the first, up to a thousand. */
  medians(): number[] {
    return Array.from({ length: THOUSAND - 1 }, (_, i) => this.group(i + 1, 1));
  }
}

/** Runs both sinks and the original in turn, and reports medians. */
export async function benchFirstFunctions(
  report: Report,
  directory: string,
  original: Writer,
): Promise<void> {
  const sinks = { append: new Runs(), mapped: new Runs() };
  const references: number[] = [];
  const count = sum(GROUPS);
  for (let round = 0; round < ROUNDS; round++) {
    const command = commandOf(original, directory, ORDINARY, THOUSAND);
    const { opening, wall } = await measure(command);
    references.push(opening + THOUSAND * wall);
    for (const [sink, runs] of Object.entries(sinks)) {
      const { stdout } = await runOrThrow([
        ...[Deno.execPath(), "run", "--allow-all", PROGRAM],
        ...[sink, directory, String(count)],
      ] as [string, ...string[]]);
      runs.add(JSON.parse(stdout));
    }
  }
  for (const [sink, runs] of Object.entries(sinks)) {
    report.section(`the first functions of a program, ${sink}: µs of each`);
    report.row("opening", median(runs.openings) / 1000);
    let start = 0;
    for (const size of GROUPS) {
      const title = start === 0 ? "the first" : `the next ${size}`;
      report.row(title, runs.group(start, size) / 1000);
      start += size;
    }
    const medians = runs.medians();
    report.row(
      "the slowest of functions 2 to 1000",
      Math.max(...medians) / 1000,
    );
    const thousands = runs.thousands();
    report.row("opening and the first 1000, ms", median(thousands) / 1e6);
    report.ratioTable(`… ratio to ${original.name}`, [""]);
    report.ratios("opening and the first 1000", [
      thousands.map((time, i) => time / references[i]),
    ]);
  }
}
