/**
 * What a reader of a profile has to know.
 *
 * @module
 */

/** A fault of a recording or its dumps, and what helps. */
export interface Hint {
  readonly text: string;
  readonly cure: string;
}

/** Returns a hint as one sentence. */
export function hintText({ text, cure }: Hint): string {
  return `${text}: ${cure}`;
}
