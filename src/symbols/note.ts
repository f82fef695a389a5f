/**
 * Reports of names that are missing.
 *
 * @module
 */

/** A reason why code has no names, and what helps. */
export interface SymbolNote {
  readonly text: string;
  readonly cure: string;
}
