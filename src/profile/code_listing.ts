/**
 * The instructions of functions and their source, for a page.
 *
 * @module
 */

/** The instructions of a function. */
export interface CodeListing {
  /** Path of the dump. */
  readonly dump: string;
  /** Byte offset of the function's load in the dump. */
  readonly position: number;
  /** Size, address and code index of the function. */
  readonly place: string;
  readonly instructions: readonly ListedInstruction[];
}

/** An instruction with its source line, if it has one. */
export interface ListedInstruction {
  /** Offset from the function's start, in bytes. */
  readonly offset: number;
  readonly text: string;
  readonly source?: { readonly file: string; readonly line: number };
}

/** The code of functions on a page. */
export interface ListedCode {
  readonly listings: readonly CodeListing[];
  /** Returns the lines of a source file; undefined if it cannot be read. */
  sourceOf(file: string): readonly string[] | undefined;
}

/** The code of a page without instructions and sources. */
export const NO_CODE: ListedCode = {
  listings: [],
  sourceOf: () => undefined,
};
