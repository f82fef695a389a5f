/**
 * Output of measurements.
 *
 * @module
 */

/** Returns the median. */
export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** Prints sections of named values. */
export class Report {
  section(title: string): void {
    console.log(`\n${title}`);
  }

  row(name: string, value: number): void {
    const text = value.toLocaleString("en", { maximumSignificantDigits: 3 });
    console.log(`${text.padStart(12)}  ${name}`);
  }
}
