/**
 * A recording with names: what took how much time.
 *
 * @module
 */

import { readDump } from "./read_dump.ts";
import { readHeader, readPerfData, withInjected } from "./perf_data.ts";
import { DUMP, IMAGE } from "./perf_files.ts";
import type { Mapping, Sample } from "./perf_script.ts";
import { type FoundInstruction, type Place, Symbolizer } from "./symbolizer.ts";
import type { DumpedFunction } from "../reader/dumped_function.ts";

/** A call chain, and what it took. */
export interface Stack {
  /** The command and its process. */
  readonly process: string;
  /** Where it was: the outermost first. */
  readonly places: readonly Place[];
  /** The periods of its samples. */
  weight: number;
}

/** What a function's instructions took themselves. */
export interface FunctionWeights {
  readonly name: string;
  /** By how many bytes they are behind its start. */
  readonly byOffset: Map<number, number>;
}

/** Tells the functions of a recording apart, also those of one name. */
export const codeKey = ({ pid, codeIndex }: DumpedFunction): string =>
  `${pid} ${codeIndex}`;

/** What a recording says. */
export interface Profile {
  readonly stacks: readonly Stack[];
  /** What the instructions of functions took themselves, by {@linkcode codeKey}. */
  readonly instructions: ReadonlyMap<string, FunctionWeights>;
  /** The dumps that were read. */
  readonly dumps: readonly string[];
  /** What was passed over, in sentences. */
  readonly notes: readonly string[];
  /** The event, and what a period counts. */
  readonly event: string;
  readonly samples: number;
  readonly weight: number;
}

/** How many samples are read before somebody is told. */
const SAMPLES_BETWEEN = 1000;

/**
 * Reads a recording and the dumps of its processes.
 *
 * @param path A perf.data.
 * @param onSamples Is told now and then how many samples have been read.
 * @throws {Error} If perf cannot read it, if its clock is not the dumps', or if a dump
 * is missing.
 */
export async function readProfile(
  path: string,
  onSamples: (count: number) => void = () => {},
): Promise<Profile> {
  const { hasStacks, event } = await readHeader(path);
  const tally = new StackTally(event, onSamples);
  await readInto(tally, path, !hasStacks);
  if (hasStacks) {
    await withInjected(
      path,
      [...tally.dumps],
      (injected) => readInto(tally, injected, true),
    );
  }
  return tally.profile();
}

/** Reads a recording's dumps, and where they are wanted, its samples. */
async function readInto(
  tally: StackTally,
  path: string,
  hasSamples: boolean,
): Promise<void> {
  for await (const item of readPerfData(path)) {
    if (item.kind === "mapping") await tally.addMapping(item);
    else if (hasSamples) tally.addSample(item);
  }
}

/** Adds up samples that have one call chain. */
class StackTally {
  readonly dumps = new Set<string>();
  readonly #symbolizer = new Symbolizer();
  readonly #stacks = new Map<string, Stack>();
  readonly #numbers = new Map<Place, number>();
  readonly #instructions = new Map<string, FunctionWeights>();
  /** What was passed over, in sentences. */
  readonly #notes: string[] = [];
  readonly #ignored = new Set<string>();
  readonly #onSamples: (count: number) => void;
  #event: string;
  #samples = 0;
  #weight = 0;

  /** @param event The event whose samples count; the first sample's if it is empty. */
  constructor(event: string, onSamples: (count: number) => void) {
    this.#event = event;
    this.#onSamples = onSamples;
  }

  async addMapping(mapping: Mapping): Promise<void> {
    this.#symbolizer.addMapping(mapping);
    const { path, pid } = mapping;
    const named = DUMP.exec(path)?.[2];
    if (named !== undefined) return this.#addDump(path, pid, named);
    const image = IMAGE.exec(path);
    if (!image) return;
    // In a recording that has been injected the dump itself is no more.
    const dump = `${image[1]}jit-${image[2]}.dump`;
    if (await isFile(dump)) this.#addDump(dump, pid, image[2]);
  }

  /** @param named What the process calls itself: in a container, another number. */
  #addDump(path: string, pid: number, named: string): void {
    if (this.dumps.has(path)) return;
    this.dumps.add(path);
    const { timeline, notes } = readDump(path);
    this.#notes.push(...notes);
    this.#symbolizer.addTimeline(pid, timeline);
    if (pid !== Number(named)) {
      this.#symbolizer.addTimeline(Number(named), timeline);
    }
  }

  addSample(sample: Sample): void {
    const { command, pid, event, period } = sample;
    this.#event ||= event;
    if (event !== this.#event) return this.#ignore(event);
    const { places, code } = this.#symbolizer.chain(sample);
    const process = `${command} ${pid}`;
    let key = process;
    for (const place of places) key += ` ${this.#numberOf(place)}`;
    const stack = this.#stacks.get(key);
    if (stack) stack.weight += period;
    else this.#stacks.set(key, { process, places, weight: period });
    if (code) this.#addInstruction(code, period);
    if (++this.#samples % SAMPLES_BETWEEN === 0) this.#onSamples(this.#samples);
    this.#weight += period;
  }

  /** Samples of two events cannot be added up. */
  #ignore(event: string): void {
    if (this.#ignored.has(event)) return;
    this.#ignored.add(event);
    this.#notes.push(
      `the recording has samples of ${event} too; only ${this.#event} is shown`,
    );
  }

  #numberOf(place: Place): number {
    const known = this.#numbers.get(place);
    if (known !== undefined) return known;
    this.#numbers.set(place, this.#numbers.size);
    return this.#numbers.size - 1;
  }

  #addInstruction({ fn, offset }: FoundInstruction, weight: number): void {
    const key = codeKey(fn);
    let weights = this.#instructions.get(key);
    if (!weights) {
      weights = { name: fn.name, byOffset: new Map() };
      this.#instructions.set(key, weights);
    }
    const { byOffset } = weights;
    byOffset.set(offset, (byOffset.get(offset) ?? 0) + weight);
  }

  profile(): Profile {
    return {
      stacks: [...this.#stacks.values()],
      instructions: this.#instructions,
      dumps: [...this.dumps],
      notes: this.#notes,
      event: this.#event,
      samples: this.#samples,
      weight: this.#weight,
    };
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return false;
  }
}
