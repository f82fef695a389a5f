/**
 * Output of measured values.
 *
 * @module
 */

/** Returns the median. */
export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** Formats a median, with the quartiles as the spread. */
function formatSpread(values: number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, middle, high] = [1, 2, 3].map((quarter) =>
    sorted[Math.floor(sorted.length * quarter / 4)].toFixed(2)
  );
  return `${middle} (${low} to ${high})`;
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

  /** Prints the head of a table whose rows {@linkcode ratios} prints. */
  ratioTable(title: string, columns: string[]): void {
    this.section(title);
    console.log(columns.map((column) => column.padEnd(28)).join(""));
  }

  /** Prints the medians of columns, with the quartiles as their spread. */
  ratios(name: string, columns: number[][]): void {
    const cells = columns.map((values) => formatSpread(values).padEnd(28));
    console.log(`${cells.join("")}${name}`);
  }
}
