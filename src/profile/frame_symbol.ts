/**
 * Symbolized stack frames.
 *
 * @module
 */

/** Category of a frame's code. */
export type Category =
  | "jitted"
  | "javascript"
  | "native"
  | "kernel"
  | "unknown";

/** A symbolized stack frame. */
export interface FrameSymbol {
  readonly name: string;
  readonly category: Category;
  /** Path of the code's file (DSO); empty if it has none. */
  readonly dso: string;
  /** The source file and line; the object may have more properties. */
  readonly source?: { readonly file: string; readonly line: number };
}

/** Returns the key of all frames of a function. */
export const functionKey = ({ name, category, dso }: FrameSymbol): string =>
  `${category}\0${dso}\0${name}`;

/** Returns the key of all frames of a function's line; undefined without a source line. */
export const lineKey = ({ source, name }: FrameSymbol): string | undefined =>
  source && `${source.file}\0${source.line}\0${name}`;
