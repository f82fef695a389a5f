/**
 * Encoding of an event's description: `perf_event_attr`.
 *
 * @module
 */

import { AttrFlag } from "./constants.ts";
import { EventAttr } from "./structs.ts";

/**
 * Size of the description: that of Linux 5.13, which perf 6.1 reads. Older kernels accept
 * it too.
 */
export const NEW_ATTR_SIZE = 128;

/** The fields of a new event. They default to 0. */
export interface NewAttr {
  readonly type: number;
  readonly config: bigint;
  /** Samples per second if the flags contain `freq`, else events per sample. */
  readonly samplePeriod?: bigint;
  readonly sampleType?: number;
  readonly sampleRegsUser?: bigint;
  readonly sampleStackUser?: number;
  readonly clockid?: number;
  readonly flags?: readonly (keyof typeof AttrFlag)[];
}

/** Returns the bytes of a `perf_event_attr` for this machine. */
export function packAttr(attr: NewAttr): Uint8Array<ArrayBuffer> {
  const flags = (attr.flags ?? []).map((flag) => 1n << BigInt(AttrFlag[flag]));
  const bytes = new Uint8Array(EventAttr.size);
  EventAttr.pack({
    type: attr.type,
    size: NEW_ATTR_SIZE,
    config: attr.config,
    samplePeriod: attr.samplePeriod ?? 0n,
    sampleType: BigInt(attr.sampleType ?? 0),
    readFormat: 0n,
    flags: flags.reduce((all, flag) => all | flag, 0n),
    wakeupEvents: 0,
    bpType: 0,
    config1: 0n,
    config2: 0n,
    branchSampleType: 0n,
    sampleRegsUser: attr.sampleRegsUser ?? 0n,
    sampleStackUser: attr.sampleStackUser ?? 0,
    clockid: attr.clockid ?? 0,
    sampleRegsIntr: 0n,
    auxWatermark: 0,
    sampleMaxStack: 0,
    reserved2: 0,
    auxSampleSize: 0,
    reserved3: 0,
    sigData: 0n,
    config3: 0n,
    config4: 0n,
  }, bytes);
  return bytes.slice(0, NEW_ATTR_SIZE);
}
