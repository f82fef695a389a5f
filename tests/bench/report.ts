/**
 * What was measured, as a text.
 *
 * @module
 */

/** The value in the middle. */
export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** Prints sections of named figures. */
export class Report {
  section(title: string): void {
    console.log(`\n${title}`);
  }

  row(name: string, value: number): void {
    const text = value.toLocaleString("en", { maximumSignificantDigits: 3 });
    console.log(`${text.padStart(12)}  ${name}`);
  }
}
