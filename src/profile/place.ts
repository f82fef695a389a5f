/**
 * Where a thread was.
 *
 * @module
 */

/** Who has made the code. */
export type Origin = "jitted" | "javascript" | "native" | "kernel" | "unknown";

/** A symbolized stack frame. */
export interface Place {
  readonly name: string;
  readonly origin: Origin;
  /** The file that the code is in; empty if it is in none. */
  readonly object: string;
  /** The source file, and the line in it; there may be more in the object. */
  readonly source?: { readonly file: string; readonly line: number };
}

/** Returns a key that is the same for all places in one function. */
export const functionKey = ({ name, origin, object }: Place): string =>
  `${origin}\0${object}\0${name}`;
