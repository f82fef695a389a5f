/**
 * The number of samples over time.
 *
 * @module
 */

import type { PageCategory } from "../src/profile/page_format.ts";
import type { Profile } from "./profile.ts";
import { type Selection, visitSelected } from "./selection.ts";

/** Categories in the order in which they are stacked. */
export const CATEGORIES: readonly PageCategory[] = [
  "jitted",
  "javascript",
  "native",
  "kernel",
  "unknown",
];

/** Numbers of samples in intervals of equal length. */
export interface Histogram {
  /** The first and the last time, in nanoseconds. */
  readonly start: number;
  readonly end: number;
  /** The number of samples of each category in each interval. */
  readonly bins: readonly Int32Array[];
  /** The greatest number of samples in an interval. */
  readonly highest: number;
}

/** Returns the time of the first sample, and a time after that of the last. */
export function timesOf(
  { samples: { time, count } }: Pick<Profile, "samples">,
): { start: number; end: number } {
  if (count === 0) return { start: 0, end: 1 };
  return { start: time[0], end: time[count - 1] + 1 };
}

/** Counts the samples of the selected threads at all times. */
export function histogramOf(
  profile: Profile,
  { pid, tid }: Selection,
  binCount: number,
): Histogram {
  const { start, end } = timesOf(profile);
  const { samples, nodes, frames } = profile;
  const bins = CATEGORIES.map(() => new Int32Array(binCount));
  const sums = new Int32Array(binCount);
  const categories = frames.map(({ category }) => {
    const index = CATEGORIES.indexOf(category);
    return index === -1 ? CATEGORIES.length - 1 : index;
  });
  visitSelected(profile, { pid, tid }, (sample) => {
    const share = (samples.time[sample] - start) / (end - start);
    const bin = Math.floor(share * binCount);
    bins[categories[nodes.frame[samples.node[sample]]]][bin]++;
    sums[bin]++;
  });
  return {
    ...{ start, end, bins },
    highest: sums.reduce((a, b) => Math.max(a, b), 0),
  };
}
