/**
 * The content of a recording's samples.
 *
 * @module
 */

import { type AttrFlag, SampleType } from "../perf_data/constants.ts";
import { packAttr } from "../perf_data/new_attr.ts";
import type { RecordedEvent } from "./event.ts";

/** Source of call chains: frame pointers; frame pointers and a copy of the stack; or none. */
export type CallGraph = "fp" | "dwarf" | "none";

/** All sources. */
export const CALL_GRAPHS: readonly CallGraph[] = ["fp", "dwarf", "none"];

/** Maximum number of bytes of the stack in a sample, whose size is a u16 (Linux 6.1). */
export const STACK_LIMIT = 65528;

/** Settings of all events of a recording. */
export interface SampleSettings {
  /** Samples per second. */
  readonly frequency: number;
  readonly callGraph: CallGraph;
  /** Number of bytes of the stack in a sample, a multiple of 8, if `callGraph` is `"dwarf"`. */
  readonly stackSize: number;
}

const CLOCK_MONOTONIC = 1;

/**
 * Returns the mask of user registers in samples, as perf 6.1 to 7.2 record them: on x86-64 all
 * but the data segments, on AArch64 all up to the program counter.
 */
export const userRegisters = (arch: typeof Deno.build.arch): bigint =>
  arch === "aarch64" ? 0x1_ffff_ffffn : 0xff_0fffn;

/** Fields of each sample. */
const FIELDS = SampleType.IDENTIFIER | SampleType.IP | SampleType.TID |
  SampleType.TIME | SampleType.CPU | SampleType.PERIOD;

/** Flags for records of processes, and for the clock and sample_id of all records. */
const FLAGS: readonly (keyof typeof AttrFlag)[] = [
  ...["disabled", "inherit", "freq", "excludeHypervisor"] as const,
  ...["mmap", "mmap2", "comm", "commExec", "task"] as const,
  ...["sampleIdAll", "useClockid"] as const,
];

/** Returns the `perf_event_attr` of an event. */
export function attrOf(
  event: RecordedEvent,
  { frequency, callGraph, stackSize }: SampleSettings,
  isEnabledByExec: boolean,
): Uint8Array<ArrayBuffer> {
  const hasStack = callGraph === "dwarf";
  return packAttr({
    type: event.type,
    config: event.config,
    samplePeriod: BigInt(frequency),
    sampleType: FIELDS |
      (callGraph === "none" ? 0 : SampleType.CALLCHAIN) |
      (hasStack ? SampleType.REGS_USER | SampleType.STACK_USER : 0),
    sampleRegsUser: hasStack ? userRegisters(Deno.build.arch) : 0n,
    sampleStackUser: hasStack ? stackSize : 0,
    clockid: CLOCK_MONOTONIC,
    flags: [
      ...FLAGS,
      ...(isEnabledByExec ? ["enableOnExec"] as const : []),
      ...(event.only === "user" ? ["excludeKernel"] as const : []),
      ...(event.only === "kernel" ? ["excludeUser"] as const : []),
    ],
  });
}
