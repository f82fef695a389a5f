/**
 * Totals of the samples of each event.
 *
 * @module
 */

import type { PerfEvent } from "../perf_data/events.ts";
import { CallTree } from "./call_tree.ts";
import type { Dump } from "./dumps.ts";
import type { FoundInstruction } from "./frame_names.ts";
import type { FunctionWeights, SampledInstruction } from "./profile.ts";
import { SampleTable } from "./sample_table.ts";

/** Name of an event of one kind of core, on a hybrid processor. */
const HALF = /^cpu_(?:core|atom)\/([^/]*)\//;

/** Modifiers of an event, as in `cycles:ppp`. */
const MODIFIERS = /:[a-zA-Z]+$/;

/** Events that count nothing; perf (6.1) uses them to record mappings. */
const DUMMY = /^dummy(?::|$)/;

/** The samples of one event. */
export class EventProfile {
  /** The names of the combined events: two on a hybrid processor. */
  readonly names = new Set<string>();
  readonly tree = new CallTree();
  /** The samples one by one, if they are requested. */
  readonly timeline: SampleTable | undefined;
  /** The dumps with samples. */
  readonly dumps = new Set<Dump>();
  /** The weights of instructions, if they are requested. */
  readonly functions = new Map<Dump, Map<number, FunctionWeights>>();
  /** The instructions with samples, if they are requested. */
  readonly instructions: SampledInstruction[] = [];
  /** The indices of each function's instructions, by their offset. */
  readonly #instructionsOf = new Map<FunctionWeights, Map<number, number>>();
  samples = 0;
  weight = 0;
  /** Weight of unnamed code in anonymous memory, by process. */
  readonly unknown = new Map<number, number>();

  constructor(hasTimeline: boolean) {
    if (hasTimeline) this.timeline = new SampleTable();
  }

  /** Adds the weight of an instruction, and returns its index in `instructions`. */
  addInstruction(
    { dump, code, fn, offset }: FoundInstruction,
    weight: number,
  ): number {
    let functions = this.functions.get(dump);
    if (!functions) this.functions.set(dump, functions = new Map());
    const table = code.history.functions;
    const position = table.offset(fn);
    let weights = functions.get(position);
    if (!weights) {
      weights = { name: table.name(fn), byOffset: new Map() };
      functions.set(position, weights);
    }
    const { byOffset } = weights;
    byOffset.set(offset, (byOffset.get(offset) ?? 0) + weight);
    let indices = this.#instructionsOf.get(weights);
    if (!indices) this.#instructionsOf.set(weights, indices = new Map());
    let index = indices.get(offset);
    if (index === undefined) {
      index = this.instructions.push({ dump: dump.path, position, offset }) - 1;
      indices.set(offset, index);
    }
    return index;
  }

  /** The name to show. */
  get name(): string {
    const [first] = this.names;
    return this.names.size > 1 ? wholeName(first) : first;
  }
}

/** The profiles of all events. */
export class EventProfiles {
  readonly #byEvent = new Map<PerfEvent | undefined, EventProfile>();
  readonly #byName = new Map<string, EventProfile>();
  readonly #haveTimelines: boolean;

  /** @param haveTimelines If true, the samples are kept one by one. */
  constructor(haveTimelines: boolean) {
    this.#haveTimelines = haveTimelines;
  }

  /** Returns the profile of an event's samples. */
  of(event: PerfEvent | undefined): EventProfile {
    let profile = this.#byEvent.get(event);
    if (profile) return profile;
    const name = event?.name ?? "[unknown event]";
    const whole = wholeName(name);
    profile = this.#byName.get(whole) ?? new EventProfile(this.#haveTimelines);
    profile.names.add(name);
    this.#byName.set(whole, profile);
    this.#byEvent.set(event, profile);
    return profile;
  }

  /** Returns all profiles with samples, the greatest weight first. */
  get sampled(): EventProfile[] {
    return [...this.#byName.values()].filter(({ samples }) => samples > 0)
      .sort((a, b) => b.weight - a.weight);
  }

  /**
   * Returns the profile of an event, or the one with the greatest weight.
   *
   * @throws {Error} If there is no event with that name.
   */
  choose(name: string | undefined): EventProfile | undefined {
    const { sampled } = this;
    if (name === undefined) {
      return sampled.find(({ name }) => !DUMMY.test(name));
    }
    const isNamed = (own: string) =>
      own === name || wholeName(own) === name ||
      wholeName(own).replace(MODIFIERS, "") === name;
    const found = sampled.find(({ names }) => names.has(name)) ??
      sampled.find(({ names }) => [...names].some(isNamed));
    if (found !== undefined) return found;
    const names = sampled.map(({ name }) => name).join(", ");
    throw new Error(
      `the recording has no samples of "${name}": it has ${names || "none"}`,
    );
  }
}

/** Returns the common name of the events of a hybrid processor's kinds of core. */
function wholeName(name: string): string {
  return name.replace(HALF, "$1:").replace(/:$/, "");
}
