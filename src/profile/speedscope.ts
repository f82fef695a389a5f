/**
 * A profile for speedscope; the schema is its file-format-schema.json.
 *
 * @module
 */

import type { Profile } from "./profile.ts";
import { functionKey } from "./tally.ts";
import type { Place } from "./symbolizer.ts";

/** Of events that are clocks perf counts nanoseconds. */
const isClock = (event: string) => /clock/.test(event);

interface SpeedscopeFrame {
  name: string;
  file?: string;
  line?: number;
}

/** Makes what speedscope reads, as an object for `JSON.stringify()`. */
export function toSpeedscope(profile: Profile, name: string): unknown {
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
      ...(source ?? (object ? { file: object } : {})),
    });
    return frames.length - 1;
  };
  const byProcess = Map.groupBy(profile.stacks, ({ process }) => process);
  const profiles = [...byProcess].map(([process, stacks]) => {
    const weights = stacks.map(({ weight }) => weight);
    return {
      type: "sampled",
      name: process,
      unit: isClock(profile.event) ? "nanoseconds" : "none",
      startValue: 0,
      endValue: weights.reduce((sum, weight) => sum + weight, 0),
      samples: stacks.map(({ places }) => places.map(numberOf)),
      weights,
    };
  });
  return {
    $schema: "https://www.speedscope.app/file-format-schema.json",
    exporter: "jitdump",
    name,
    activeProfileIndex: 0,
    shared: { frames },
    profiles,
  };
}
