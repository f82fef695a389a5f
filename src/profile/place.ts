/**
 * Symbolized stack frames.
 *
 * @module
 */

/** The origin of code. */
export type Origin = "jitted" | "javascript" | "native" | "kernel" | "unknown";

/** A symbolized stack frame. */
export interface Place {
  readonly name: string;
  readonly origin: Origin;
  /** Path of the code's file (DSO); empty if it has none. */
  readonly object: string;
  /** The source file and line; the object may have more properties. */
  readonly source?: { readonly file: string; readonly line: number };
}

/** Returns a key that is the same for all frames of one function. */
export const functionKey = ({ name, origin, object }: Place): string =>
  `${origin}\0${object}\0${name}`;
