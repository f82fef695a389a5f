/**
 * Reports of missing names.
 *
 * @module
 */

/** The reason why code has no names, and the remedy. */
export interface SymbolNote {
  readonly text: string;
  readonly remedy: string;
}
