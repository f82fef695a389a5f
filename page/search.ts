/**
 * Search for functions by a pattern.
 *
 * @module
 */

import { WHOLE } from "../src/profile/page_format.ts";
import type { Profile } from "./profile.ts";
import type { Amount, Amounts } from "./selection.ts";

/** Returns a case-insensitive pattern; undefined if the text is not a valid one. */
export function patternOf(text: string): RegExp | undefined {
  try {
    return new RegExp(text, "i");
  } catch {
    return undefined;
  }
}

/** Returns whether the name or the file of each frame matches. */
export function matchesOf(
  { frames, data: { files, lines } }: Profile,
  pattern: RegExp,
): boolean[] {
  const isFound = files.map((file) => pattern.test(file));
  const matches = frames.map(({ name, dso }, index) =>
    index !== WHOLE && (pattern.test(name) || (dso !== "" && pattern.test(dso)))
  );
  for (const [line, frame] of lines.frame.entries()) {
    if (isFound[lines.file[line]]) matches[frame] = true;
  }
  return matches;
}

/** Returns the amount of the samples with a match in their chain. Each sample counts once. */
export function matchedAmount(
  { nodes: { count, end, frame } }: Profile,
  { total, totalSamples }: Amounts,
  matches: readonly boolean[],
): Amount {
  let [weight, samples] = [0, 0];
  for (let node = 0; node < count;) {
    if (!matches[frame[node]]) {
      node++;
      continue;
    }
    weight += total[node];
    samples += totalSamples[node];
    node = end[node];
  }
  return { weight, samples };
}
