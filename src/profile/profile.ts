/**
 * What a recording says: what took how much time.
 *
 * @module
 */

import type { CallTree } from "./call_tree.ts";
import type { Hint } from "./hint.ts";
import type { Place } from "./place.ts";

/** What a function's instructions took themselves. */
export interface FunctionWeights {
  readonly name: string;
  /** By their offset from the function's start, in bytes. */
  readonly byOffset: Map<number, number>;
}

/** A dump, with what the instructions in it took. */
export interface SampledDump {
  readonly path: string;
  /** The sampled functions by the position of their load, if instructions were wanted. */
  readonly functions: ReadonlyMap<number, FunctionWeights>;
}

/** An event that was recorded too. */
export interface OtherEvent {
  readonly name: string;
  readonly samples: number;
}

/** What a recording says of one event. */
export interface Profile {
  /** The call chains. First nodes are processes, those below them places. */
  readonly tree: CallTree;
  /** What the first nodes' frames are: commands with their process. */
  readonly processes: readonly string[];
  /** What all other nodes' frames are. */
  readonly places: readonly Place[];
  readonly dumps: readonly SampledDump[];
  /** The most important of what a reader has to know. */
  readonly hints: readonly Hint[];
  /** The event, and what a weight counts. */
  readonly event: string;
  readonly samples: number;
  readonly weight: number;
  /** The other events that have samples. */
  readonly others: readonly OtherEvent[];
}
