/**
 * Hints on the quality of a profile.
 *
 * @module
 */

/** A fault of a recording or its dumps, and a remedy. */
export interface Hint {
  readonly text: string;
  readonly remedy: string;
}

/** Returns a hint as one sentence. */
export function hintText({ text, remedy }: Hint): string {
  return `${text}: ${remedy}`;
}
