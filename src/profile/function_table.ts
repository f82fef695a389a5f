/**
 * The functions of a profile, to which its frames belong.
 *
 * @module
 */

import { functionKey, type Place } from "./place.ts";
import type { Profile } from "./profile.ts";

/** The functions of a profile. */
export interface FunctionTable {
  /** The first frame of each function; its source is one of its lines. */
  readonly functions: readonly Place[];
  /** The function of each frame. */
  readonly ofFrame: Int32Array;
}

/** Returns the functions of a profile. */
export function functionsOf(
  { places }: Pick<Profile, "places">,
): FunctionTable {
  const functions: Place[] = [];
  const byKey = new Map<string, number>();
  const ofFrame = Int32Array.from(places, (place) => {
    const key = functionKey(place);
    let fn = byKey.get(key);
    if (fn === undefined) {
      fn = functions.push(place) - 1;
      byKey.set(key, fn);
    } else if (!functions[fn].source) {
      // The first frame may be of code before the first line.
      functions[fn] = place;
    }
    return fn;
  });
  return { functions, ofFrame };
}
