/**
 * Hints on the quality of a profile.
 *
 * @module
 */

/** A fault of a recording or its dumps, and a remedy. */
export interface Hint {
  readonly text: string;
  readonly cure: string;
}

/** Returns a hint as one sentence. */
export function hintText({ text, cure }: Hint): string {
  return `${text}: ${cure}`;
}
