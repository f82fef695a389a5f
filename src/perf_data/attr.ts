/**
 * An event's description: `perf_event_attr`.
 *
 * @module
 */

import type { Window } from "./bytes.ts";
import { AttrFlag } from "./constants.ts";
import { ATTR_SIZE_VER0, EventAttr } from "./structs.ts";

const ATTR = EventAttr.offsets;

/** Description of a recorded event and of the fields of its samples. */
export interface PerfEventAttr {
  /** The kind of event: 0 hardware, 1 software, 2 tracepoint, …, or a PMU's number. */
  readonly type: number;
  /** Number of bytes of the description; fields after its end are 0. */
  readonly size: number;
  /** The number of the event among those of its `type`. */
  readonly config: bigint;
  /** Events per sample, or samples per second if `freq`. */
  readonly samplePeriod: bigint;
  /** Bits of `SampleType`. */
  readonly sampleType: number;
  /** Bits of `ReadFormat`. */
  readonly readFormat: number;
  /** Bits of `BranchSampleType`. */
  readonly branchSampleType: number;
  /** The user registers in samples, one bit each. */
  readonly sampleRegsUser: bigint;
  /** Maximum number of bytes of the user stack in samples. */
  readonly sampleStackUser: number;
  /** The clock of timestamps, if `useClockid`; 1 is CLOCK_MONOTONIC. */
  readonly clockid: number;
  /** The registers at the interrupt in samples, one bit each. */
  readonly sampleRegsIntr: bigint;
  /** Maximum number of addresses in a call chain; 0 for the kernel's limit. */
  readonly sampleMaxStack: number;
  /** True if `samplePeriod` is a frequency. */
  readonly freq: boolean;
  /** True if records other than samples end in the identifying fields of `sampleType`. */
  readonly sampleIdAll: boolean;
  /** True if timestamps are from `clockid`, false if from perf's own clock. */
  readonly useClockid: boolean;
  /** True if the kernel is not sampled. */
  readonly excludeKernel: boolean;
  /** True if processes that the recorded ones start are recorded too. */
  readonly inherit: boolean;
}

/**
 * Reads a `perf_event_attr`.
 *
 * @param end End of the bytes that may belong to it; its first 64 bytes must fit.
 */
export function readAttr(
  window: Window,
  at: number,
  end: number,
): PerfEventAttr {
  const size = attrSize(window, at);
  const limit = Math.min(at + size, end);
  const has = (offset: number, width: number) => at + offset + width <= limit;
  const u16 = (offset: number) => has(offset, 2) ? window.u16(at + offset) : 0;
  const u32 = (offset: number) => has(offset, 4) ? window.u32(at + offset) : 0;
  const u64 = (offset: number) => has(offset, 8) ? window.u64(at + offset) : 0n;
  const low = (offset: number) => has(offset, 8) ? window.low(at + offset) : 0;
  const flag = (bit: number) => {
    const byte = window.u8(at + ATTR.flags + (bit >> 3));
    const shift = window.littleEndian ? bit & 7 : 7 - (bit & 7);
    return (byte >> shift & 1) === 1;
  };
  return {
    type: u32(ATTR.type),
    size,
    config: u64(ATTR.config),
    samplePeriod: u64(ATTR.samplePeriod),
    sampleType: low(ATTR.sampleType),
    readFormat: low(ATTR.readFormat),
    branchSampleType: low(ATTR.branchSampleType),
    sampleRegsUser: u64(ATTR.sampleRegsUser),
    sampleStackUser: u32(ATTR.sampleStackUser),
    clockid: u32(ATTR.clockid) | 0,
    sampleRegsIntr: u64(ATTR.sampleRegsIntr),
    sampleMaxStack: u16(ATTR.sampleMaxStack),
    freq: flag(AttrFlag.freq),
    sampleIdAll: flag(AttrFlag.sampleIdAll),
    useClockid: flag(AttrFlag.useClockid),
    excludeKernel: flag(AttrFlag.excludeKernel),
    inherit: flag(AttrFlag.inherit),
  };
}

/** Returns the size that the `perf_event_attr` at `at` records. */
export function attrSize(window: Window, at: number): number {
  return window.u32(at + ATTR.size) || ATTR_SIZE_VER0;
}
