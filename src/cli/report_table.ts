/**
 * The tables that `jitdump report` prints.
 *
 * @module
 */

import { categoryWeights } from "../profile/categories.ts";
import { type FrameSymbol, functionKey } from "../profile/frame_symbol.ts";
import { neighborsOf } from "../profile/neighbors.ts";
import type { Profile } from "../profile/profile.ts";
import { functionTotals, lineTotals, type Share } from "../profile/totals.ts";
import { isTime } from "../profile/unit.ts";
import { fit, type Output, printable, terminalWidth } from "./output.ts";

/** Default number of rows. */
export const ROWS = 20;

/** Minimum share of a row, unless a number, a category or a name is requested. */
const SMALLEST = 0.005;

/** Selection and order of a table's rows. */
export interface Rows {
  /** Maximum number of rows. Defaults to 20 and, without a selection, shares of at least 0.5 %. */
  readonly limit?: number;
  readonly sort?: "self" | "total";
  /** Category of the functions to show. */
  readonly category?: string;
  /** Pattern of the names of the functions to show. */
  readonly filter?: RegExp;
  /** True to omit the number of the other functions. */
  readonly hidesRest?: boolean;
}

/** Prints the facts of the recording, and the hottest functions. */
export function showFunctions(
  profile: Profile,
  path: string,
  rows: Rows,
  output: Output,
): void {
  const { line, percent, amount } = columnsOf(profile, output);
  showHead(profile, path, line, percent);
  line(
    `   self    total  ${
      amountTitle(profile).padStart(10)
    }  category    function`,
  );
  const hottest = hottestLines(profile);
  const chosen = choose(functionTotals(profile), rows, profile);
  for (const { symbol, self, total } of chosen.shown) {
    const { name, category, dso } = symbol;
    const where = hottest.get(functionKey(symbol)) ?? dso;
    line(
      `${percent(self)}  ${percent(total)}  ${amount(self)}  ${
        category.padEnd(10)
      }  ${name}${where && `  (${where})`}`,
    );
  }
  if (!rows.hidesRest) showRest(chosen.rest, line);
}

/** Prints the hottest source lines. */
export function showLines(profile: Profile, rows: Rows, output: Output): void {
  const { line, percent, amount } = columnsOf(profile, output);
  line(`   self    total  ${amountTitle(profile).padStart(10)}  line`);
  const totals = lineTotals(profile);
  if (totals.length === 0) line("no sampled function has source lines");
  const chosen = choose(totals, rows, profile);
  for (const { symbol, self, total } of chosen.shown) {
    line(
      `${percent(self)}  ${percent(total)}  ${amount(self)}  ${
        lineOf(symbol)
      }  ${symbol.name}`,
    );
  }
  showRest(chosen.rest, line);
}

/** Prints the callers or the callees of a function. */
export function showNeighbors(
  profile: Profile,
  kind: "callers" | "callees",
  name: string,
  limit: number | undefined,
  output: Output,
): void {
  const neighbors = neighborsOf(profile, name);
  if (neighbors === undefined) {
    throw new Error(`the recording has no samples of a function "${name}"`);
  }
  const { line, percent, amount } = columnsOf(profile, output);
  const { self, total } = neighbors;
  line(`${name}: ${percent(self).trim()} self, ${percent(total).trim()} total`);
  line(
    `  share  of total  ${
      amountTitle(profile).padStart(10)
    }  category    ${kind}`,
  );
  const shown = neighbors[kind].slice(0, limit ?? ROWS);
  for (const { symbol: { name, category, dso }, weight } of shown) {
    line(
      `${percent(weight)}  ${percentOf(weight, total).padStart(8)}  ${
        amount(weight)
      }  ${category.padEnd(10)}  ${name}${dso && `  (${dso})`}`,
    );
  }
  showRest(neighbors[kind].length - shown.length, line);
}

/** Returns a part of a whole as a column, in percent. */
export function percentOf(part: number, whole: number): string {
  return `${(whole === 0 ? 0 : 100 * part / whole).toFixed(2)}%`.padStart(7);
}

/** Returns the title of a column of weights. */
export const amountTitle = ({ event }: Profile): string =>
  isTime(event) ? "ms" : "count";

/** Returns a weight in the unit of {@linkcode amountTitle}. */
export const amountOf = ({ event }: Profile, weight: number): string =>
  isTime(event) ? (weight / 1e6).toFixed(1) : String(weight);

const lineOf = ({ source }: FrameSymbol) =>
  source ? `${source.file}:${source.line}` : "";

/** Returns the functions that write a table's lines and columns. */
function columnsOf(profile: Profile, output: Output) {
  const width = terminalWidth();
  return {
    line: (text: string) => output.line(fit(printable(text), width)),
    percent: (weight: number) => percentOf(weight, profile.weight),
    amount: (weight: number) => amountOf(profile, weight).padStart(10),
  };
}

/** Prints the command, the date, the duration and the share of each category. */
function showHead(
  profile: Profile,
  path: string,
  line: (text: string) => void,
  percent: (weight: number) => string,
): void {
  const { recording, duration, lost, samples, event } = profile;
  const { command, startDate, host } = recording;
  if (command) line(command.join(" "));
  line([
    ...startDate === undefined ? [] : [formatDate(startDate)],
    `${(duration / 1e9).toFixed(1)} s`,
    ...host === undefined ? [] : [`on ${host}`],
    `${lost} records lost`,
  ].join(", "));
  const weights = [...categoryWeights(profile)]
    .filter(([, weight]) => weight > 0)
    .map(([category, weight]) => `${percent(weight).trim()} ${category}`);
  line(weights.join(", "));
  line(`${path}: ${samples} samples of ${event}`);
}

/** Returns a time as "2025-01-31 12:00:00 UTC". */
const formatDate = (milliseconds: number) =>
  new Date(milliseconds).toISOString().replace("T", " ")
    .replace(/\.\d+Z$/, " UTC");

/** Returns the line with the greatest self weight of each function. */
function hottestLines(profile: Profile): Map<string, string> {
  const hottest = new Map<string, string>();
  for (const { symbol, self } of lineTotals(profile)) {
    const key = functionKey(symbol);
    if (self > 0 && !hottest.has(key)) hottest.set(key, lineOf(symbol));
  }
  return hottest;
}

/** Returns the shares that have a row, and the number of the others. */
function choose(
  shares: readonly Share[],
  { limit, sort = "self", category, filter }: Rows,
  { weight }: Profile,
): { shown: Share[]; rest: number } {
  const matching = shares.filter(({ symbol }) =>
    (category === undefined || symbol.category === category) &&
    (filter === undefined || filter.test(symbol.name))
  ).sort((a, b) => b[sort] - a[sort]);
  // Selected functions are shown even if their share is small.
  const isSelected = category !== undefined || filter !== undefined;
  const large = limit === undefined && !isSelected
    ? matching.filter((share) => share[sort] >= SMALLEST * weight)
    : matching;
  const shown = large.slice(0, limit ?? ROWS);
  return { shown, rest: matching.length - shown.length };
}

/** Prints the number of rows that are not shown. */
export function showRest(rest: number, line: (text: string) => void): void {
  if (rest > 0) line(`${rest} more (--limit NUMBER shows them)`);
}
