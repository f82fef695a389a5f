/**
 * The functions of a profile, to which its frames belong.
 *
 * @module
 */

import { groupFrames } from "./frame_groups.ts";
import { type FrameSymbol, functionKey } from "./frame_symbol.ts";
import type { Profile } from "./profile.ts";

/** The functions of a profile. */
export interface FunctionTable {
  /** One frame of each function, with a source if any has one. */
  readonly functions: readonly FrameSymbol[];
  /** The function of each frame. */
  readonly ofFrame: Int32Array;
}

/** Returns the functions of a profile. */
export function functionsOf(
  { symbols }: Pick<Profile, "symbols">,
): FunctionTable {
  const { first: functions, ofFrame } = groupFrames(symbols, functionKey);
  for (const [frame, symbol] of symbols.entries()) {
    const fn = ofFrame[frame];
    // The first frame may represent the code before the first line.
    if (!functions[fn].source) functions[fn] = symbol;
  }
  return { functions, ofFrame };
}
