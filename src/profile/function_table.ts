/**
 * The functions of a profile, to which its frames belong.
 *
 * @module
 */

import { type FrameSymbol, functionKey } from "./frame_symbol.ts";
import type { Profile } from "./profile.ts";

/** The functions of a profile. */
export interface FunctionTable {
  /** The first frame of each function; its source is one of its lines. */
  readonly functions: readonly FrameSymbol[];
  /** The function of each frame. */
  readonly ofFrame: Int32Array;
}

/** Returns the functions of a profile. */
export function functionsOf(
  { symbols }: Pick<Profile, "symbols">,
): FunctionTable {
  const functions: FrameSymbol[] = [];
  const byKey = new Map<string, number>();
  const ofFrame = Int32Array.from(symbols, (symbol) => {
    const key = functionKey(symbol);
    let fn = byKey.get(key);
    if (fn === undefined) {
      fn = functions.push(symbol) - 1;
      byKey.set(key, fn);
    } else if (!functions[fn].source) {
      // The first frame may be of code before the first line.
      functions[fn] = symbol;
    }
    return fn;
  });
  return { functions, ofFrame };
}
