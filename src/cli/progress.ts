/**
 * The line that a recording shows on a terminal while it runs.
 *
 * @module
 */

import type { Totals } from "../recorder/recorder.ts";

/** Milliseconds between two changes of the line. */
const INTERVAL = 250;

/** Moves to the start of the line and clears it. */
const CLEAR = "\r\x1b[K";

const encoder = new TextEncoder();

/** A line on standard error, shown only on a terminal. */
export class Progress {
  readonly #isShown = Deno.stderr.isTerminal();
  readonly #start = performance.now();
  #last = -Infinity;

  /** Shows the totals. */
  show(totals: Totals): void {
    const now = performance.now();
    if (!this.#isShown || now - this.#last < INTERVAL) return;
    this.#last = now;
    this.#write(CLEAR + progressLine((now - this.#start) / 1000, totals));
  }

  /** Removes the line. */
  clear(): void {
    if (this.#last !== -Infinity) this.#write(CLEAR);
    this.#last = -Infinity;
  }

  #write(text: string): void {
    Deno.stderr.writeSync(encoder.encode(text));
  }
}

/** Returns the text of the line. */
export function progressLine(seconds: number, totals: Totals): string {
  const [samples, lost] = [totals.samples, totals.lost]
    .map((count) => count.toLocaleString("en"));
  return `${seconds.toFixed(1)} s, ${samples} samples, ${lost} lost`;
}
