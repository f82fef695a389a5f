/**
 * A recording with names: what took how much time.
 *
 * @module
 */

import { CodeTimeline } from "../reader/code_timeline.ts";
import { JitDumpStream } from "../reader/jit_dump_stream.ts";
import { readHeader, readPerfData, withInjected } from "./perf_data.ts";
import type { Mapping, Sample } from "./perf_script.ts";
import { type Place, Symbolizer } from "./symbolizer.ts";

/** A call chain, and what it took. */
export interface Stack {
  /** The command and its process. */
  readonly process: string;
  /** Where it was: the outermost first. */
  readonly places: readonly Place[];
  /** The periods of its samples. */
  weight: number;
}

/** What a recording says. */
export interface Profile {
  readonly stacks: readonly Stack[];
  /** The dumps that were read. */
  readonly dumps: readonly string[];
  /** The event, and what a period counts. */
  readonly event: string;
  readonly samples: number;
  readonly weight: number;
}

/** A dump, by perf's own rule. */
const DUMP = /(?:^|\/)jit-(\d+)\.dump$/;

/**
 * Reads a recording and the dumps of its processes.
 *
 * @param path A perf.data.
 * @throws {Error} If perf cannot read it, if its clock is not the dumps', or if a dump
 * is missing.
 */
export async function readProfile(path: string): Promise<Profile> {
  const { hasStacks } = await readHeader(path);
  const recording = await readRecording(path);
  const symbolizer = new Symbolizer();
  const dumps = new Set<string>();
  for (const mapping of recording.mappings) {
    symbolizer.addMapping(mapping);
    const pid = DUMP.exec(mapping.path)?.[1];
    if (pid === undefined || dumps.has(mapping.path)) continue;
    dumps.add(mapping.path);
    symbolizer.addTimeline(Number(pid), await readDump(mapping.path));
  }
  const { samples } = hasStacks && dumps.size > 0
    ? await withInjected(path, [...dumps], readRecording)
    : recording;
  return { ...addUp(samples, symbolizer), dumps: [...dumps] };
}

interface Recording {
  readonly samples: Sample[];
  readonly mappings: Mapping[];
}

async function readRecording(path: string): Promise<Recording> {
  const recording: Recording = { samples: [], mappings: [] };
  for await (const item of readPerfData(path)) {
    if (item.kind === "sample") recording.samples.push(item);
    else recording.mappings.push(item);
  }
  return recording;
}

/** Adds up samples that have one call chain. */
function addUp(
  samples: readonly Sample[],
  symbolizer: Symbolizer,
): Omit<Profile, "dumps"> {
  const stacks = new Map<string, Stack>();
  const numbers = new Map<string, number>();
  let weight = 0;
  for (const sample of samples) {
    const places = symbolizer.places(sample).reverse();
    const process = `${sample.command} ${sample.pid}`;
    const chain = places.map((place) => numberOf(numbers, place)).join();
    const key = `${process} ${chain}`;
    const stack = stacks.get(key);
    if (stack) stack.weight += sample.period;
    else stacks.set(key, { process, places, weight: sample.period });
    weight += sample.period;
  }
  return {
    stacks: [...stacks.values()],
    event: samples[0]?.event ?? "",
    samples: samples.length,
    weight,
  };
}

async function readDump(path: string): Promise<CodeTimeline> {
  const timeline = new CodeTimeline();
  try {
    for await (const record of await JitDumpStream.open(path)) {
      timeline.add(record);
    }
  } catch (error) {
    throw new Error(
      `the dump ${path}, which the recording names, cannot be read: ${
        (error as Error).message
      }`,
    );
  }
  return timeline;
}

/** A number for each different place. */
function numberOf(numbers: Map<string, number>, place: Place): number {
  const { name, origin, object, source, offset } = place;
  const key = [name, origin, object, source?.file, source?.line, offset].join(
    "\0",
  );
  const known = numbers.get(key);
  if (known !== undefined) return known;
  numbers.set(key, numbers.size);
  return numbers.size - 1;
}
