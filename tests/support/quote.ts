/**
 * Quoting for a shell.
 *
 * @module
 */

/** Returns the words as a part of a command of sh. */
export const quote = (...words: string[]): string =>
  words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
