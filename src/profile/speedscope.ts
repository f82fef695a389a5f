/**
 * A profile for speedscope; the schema is its file-format-schema.json.
 *
 * @module
 */

import { functionKey, type Place } from "./place.ts";
import type { Profile } from "./profile.ts";

/** Events whose weights are nanoseconds: perf's clocks. */
const isClock = (event: string) => /clock/.test(event);

interface SpeedscopeFrame {
  name: string;
  file?: string;
  line?: number;
}

/** The call chains of a process, with their weights. */
interface Samples {
  samples: number[][];
  weights: number[];
}

/** Returns a profile for speedscope, as an object for `JSON.stringify()`. */
export function toSpeedscope(profile: Profile, name: string): unknown {
  const { tree, places } = profile;
  const frames: SpeedscopeFrame[] = [];
  const numbers = new Map<string, number>();
  const numberOf = (place: Place): number => {
    const { source, object } = place;
    const key = `${functionKey(place)}\0${source?.file}\0${source?.line}`;
    const known = numbers.get(key);
    if (known !== undefined) return known;
    numbers.set(key, frames.length);
    frames.push({
      name: place.name,
      ...(source
        ? { file: source.file, line: source.line }
        : object
        ? { file: object }
        : {}),
    });
    return frames.length - 1;
  };
  const byProcess = new Map<number, Samples>();
  for (let node = 0; node < tree.size; node++) {
    const weight = tree.selfOf(node);
    if (weight === 0) continue;
    const [process, ...chain] = tree.chainOf(node);
    let own = byProcess.get(process);
    if (!own) byProcess.set(process, own = { samples: [], weights: [] });
    own.samples.push(chain.map((frame) => numberOf(places[frame])));
    own.weights.push(weight);
  }
  const profiles = [...byProcess].map(([process, { samples, weights }]) => ({
    type: "sampled",
    name: profile.processes[process],
    unit: isClock(profile.event) ? "nanoseconds" : "none",
    startValue: 0,
    endValue: weights.reduce((sum, weight) => sum + weight, 0),
    samples,
    weights,
  }));
  return {
    $schema: "https://www.speedscope.app/file-format-schema.json",
    exporter: "jitdump",
    name,
    activeProfileIndex: 0,
    shared: { frames },
    profiles,
  };
}
