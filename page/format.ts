/**
 * Numbers as text.
 *
 * @module
 */

import type { Unit } from "../src/profile/unit.ts";
import type { Amount } from "./selection.ts";

/** Returns a part of a whole in percent. */
export function percent(part: number, whole: number): string {
  return `${(whole === 0 ? 0 : 100 * part / whole).toFixed(2)} %`;
}

/** Returns a weight: milliseconds if it is a time. */
export function weightText(weight: number, unit: Unit): string {
  if (unit === "count") return weight.toLocaleString("en");
  return (weight / 1e6).toLocaleString("en", {
    minimumFractionDigits: 1,
    maximumFractionDigits: 1,
  });
}

/** Returns a weight with its unit. */
export function weightWithUnit(
  weight: number,
  unit: Unit,
  event: string,
): string {
  return `${weightText(weight, unit)} ${unit === "count" ? event : "ms"}`;
}

/** Returns a number with its noun. */
export function countText(count: number, thing: string): string {
  return `${count.toLocaleString("en")} ${thing}${count === 1 ? "" : "s"}`;
}

/** Returns the shares of a part, its samples and its weight. */
export function amountText(
  part: Amount,
  whole: Amount,
  parent: Amount | undefined,
  unit: Unit,
  event: string,
): string {
  return [
    `${percent(part.weight, whole.weight)} of all`,
    ...parent ? [`${percent(part.weight, parent.weight)} of parent`] : [],
    countText(part.samples, "sample"),
    weightWithUnit(part.weight, unit, event),
  ].join(", ");
}

/** Returns a change of a share in percentage points. */
export function pointsText(change: number): string {
  const text = (100 * change).toFixed(2);
  return text.startsWith("-") ? text.replace("-", "−") : `+${text}`;
}

/** Returns shares before and after, and their change. */
export function sharesText(
  { before, after, change }: {
    readonly before: number;
    readonly after: number;
    readonly change: number;
  },
): string {
  return `before ${percent(before, 1)}, after ${percent(after, 1)}, change ${
    pointsText(change)
  }`;
}

/** Returns nanoseconds as seconds. */
export function seconds(nanoseconds: number, digits = 3): string {
  return (nanoseconds / 1e9).toFixed(digits);
}

/** Returns a date as "2025-01-31 12:00:00 UTC". */
export function dateText(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace("T", " ")
    .replace(/\.\d+Z$/, " UTC");
}
