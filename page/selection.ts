/**
 * Selection of samples by time, thread and process.
 *
 * @module
 */

import type { Profile } from "./profile.ts";

/** The selected samples. */
export interface Selection {
  /** First selected time, in nanoseconds since the recording's earliest record. */
  readonly since?: number;
  /** First time after the selected ones. */
  readonly until?: number;
  readonly pid?: number;
  readonly tid?: number;
  /** Index of a recording, if the page compares two. */
  readonly recording?: number;
}

/** Weight and number of samples. */
export interface Amount {
  readonly weight: number;
  readonly samples: number;
}

/** The amounts of each node of the call tree. */
export interface Amounts {
  /** Weight of the samples whose chain ends at the node. */
  readonly self: Float64Array;
  readonly selfSamples: Int32Array;
  /** Weight of the samples whose chain contains the node. */
  readonly total: Float64Array;
  readonly totalSamples: Int32Array;
}

/** Returns whether the samples of each thread are selected. */
export function selectedThreads(
  { threads }: Pick<Profile, "threads">,
  { pid, tid, recording }: Selection,
): boolean[] {
  return threads.map((thread) =>
    (pid === undefined || thread.pid === pid) &&
    (tid === undefined || thread.tid === tid) &&
    (recording === undefined || thread.recording === recording)
  );
}

/** Returns the range of positions of the samples in the selected time. */
export function selectedRange(
  { samples: { time, count } }: Pick<Profile, "samples">,
  { since = -Infinity, until = Infinity }: Selection,
): { start: number; end: number } {
  const firstFrom = (limit: number) => {
    let [low, high] = [0, count];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (time[middle] < limit) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return { start: firstFrom(since), end: firstFrom(until) };
}

/** Visits the selected samples in the order of time. */
export function visitSelected(
  profile: Pick<Profile, "samples" | "threads">,
  selection: Selection,
  visit: (sample: number) => void,
): void {
  const isSelected = selectedThreads(profile, selection);
  const { thread } = profile.samples;
  const { start, end } = selectedRange(profile, selection);
  for (let sample = start; sample < end; sample++) {
    if (isSelected[thread[sample]]) visit(sample);
  }
}

/** Returns the amounts of the selected samples. */
export function amountsOf(profile: Profile, selection: Selection): Amounts {
  const { count, parent } = profile.nodes;
  const { node, weight } = profile.samples;
  const self = new Float64Array(count);
  const selfSamples = new Int32Array(count);
  visitSelected(profile, selection, (sample) => {
    self[node[sample]] += weight[sample];
    selfSamples[node[sample]]++;
  });
  const total = self.slice();
  const totalSamples = selfSamples.slice();
  for (let node = count - 1; node > 0; node--) {
    total[parent[node]] += total[node];
    totalSamples[parent[node]] += totalSamples[node];
  }
  return { self, selfSamples, total, totalSamples };
}
