/**
 * The result of reading a recording: the profile of one event.
 *
 * @module
 */

import type { ChainEnd } from "../unwind/unwound_chain.ts";
import type { CallTree } from "./call_tree.ts";
import type { FunctionLoad } from "./function_loads.ts";
import type { Hint } from "./hint.ts";
import type { FrameSymbol } from "./frame_symbol.ts";
import type { RecordingFacts } from "./recording_facts.ts";
import type { Samples } from "./sample_table.ts";
import type { SourceMaps } from "./source_maps.ts";

/** The self weights of a function's instructions. */
export interface FunctionWeights {
  readonly name: string;
  /** Weights by the instruction's offset from the function's start, in bytes. */
  readonly byOffset: Map<number, number>;
}

/** An instruction with samples. */
export interface SampledInstruction {
  /** Path of the dump. */
  readonly dump: string;
  /** Byte offset of its function's load in the dump. */
  readonly position: number;
  /** Offset from the function's start, in bytes. */
  readonly offset: number;
}

/** A dump with its functions. */
export interface SampledDump {
  readonly path: string;
  /** The sampled functions by the offset of their load, if instructions were requested. */
  readonly functions: ReadonlyMap<number, FunctionWeights>;
  /** The process that first mapped it. */
  readonly pid: number;
  /** All functions in the order of time; empty unless samples one by one were requested. */
  readonly loads: readonly FunctionLoad[];
}

/** Another recorded event. */
export interface OtherEvent {
  readonly name: string;
  readonly samples: number;
}

/** A profile of one event of a recording. */
export interface Profile {
  /** The call chains. The outermost nodes are processes, all others frames. */
  readonly tree: CallTree;
  /** The frames of the outermost nodes: command and pid. */
  readonly processes: readonly string[];
  /** The frames of all other nodes. */
  readonly symbols: readonly FrameSymbol[];
  readonly dumps: readonly SampledDump[];
  /** The samples one by one; empty unless they were requested. */
  readonly timeline: Samples;
  /** The instructions to which the samples refer; empty unless they were requested. */
  readonly instructions: readonly SampledInstruction[];
  readonly recording: RecordingFacts;
  /** The sources of generated JavaScript. */
  readonly sourceMaps: SourceMaps;
  /** The most important hints on the quality of the profile. */
  readonly hints: readonly Hint[];
  /** The event, which is the unit of weights. */
  readonly event: string;
  readonly samples: number;
  readonly weight: number;
  /** Nanoseconds from the first sample to the last. */
  readonly duration: number;
  /** Number of records that were lost while recording. */
  readonly lost: number;
  /** Number of chains that were unwound from copies of the stack, by their end. */
  readonly chainEnds: ReadonlyMap<ChainEnd, number>;
  /** The other events that have samples. */
  readonly others: readonly OtherEvent[];
}
