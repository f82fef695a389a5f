/**
 * A profile for speedscope; the schema is its file-format-schema.json.
 *
 * @module
 */

import { functionsOf } from "./function_table.ts";
import type { FrameSymbol } from "./frame_symbol.ts";
import type { Profile } from "./profile.ts";
import { byThread, type Thread } from "./sample_table.ts";
import { isTime } from "./unit.ts";

/** Returns a function, without a line, because a sampled line is not the function's first. */
function toFrame({ name, source, dso }: FrameSymbol) {
  return { name, file: source?.file ?? (dso || undefined) };
}

const title = ({ name, processName, pid, tid }: Thread) =>
  pid === tid ? `${name} ${pid}` : `${processName} ${pid}: ${name} ${tid}`;

/**
 * Returns a profile for speedscope, as an object for `JSON.stringify()`: a profile for each
 * thread, with its samples in the order of time.
 */
export function toSpeedscope(
  profile: Profile,
  name: string,
): unknown {
  const { tree, event, timeline } = profile;
  const { functions, ofFrame } = functionsOf(profile);
  /** Chains by node, because many samples end at one node. */
  const chains: number[][] = [];
  const chainOf = (node: number) =>
    chains[node] ??= tree.chainOf(node).slice(1).map((frame) => ofFrame[frame]);
  const profiles = byThread(timeline).map((positions, thread) => {
    const weights = positions.map((at) => timeline.weight[at]);
    return {
      type: "sampled",
      name: title(timeline.threads[thread]),
      unit: isTime(event) ? "nanoseconds" : "none",
      startValue: 0,
      endValue: weights.reduce((sum, weight) => sum + weight, 0),
      samples: positions.map((at) => chainOf(timeline.node[at])),
      weights,
    };
  });
  const ends = profiles.map(({ endValue }) => endValue);
  return {
    $schema: "https://www.speedscope.app/file-format-schema.json",
    exporter: "jitdump",
    name,
    activeProfileIndex: ends.indexOf(Math.max(...ends)),
    shared: { frames: functions.map(toFrame) },
    profiles,
  };
}
