/**
 * A recording of a program that has many jitted functions.
 *
 * @module
 */

import {
  buildFile,
  CALLCHAIN,
  IP,
  PERIOD,
  RecordBuilder,
  TID,
  TIME,
} from "../support/build_perf_data.ts";
import { Random } from "../support/random.ts";
import { FIRST_ADDRESS, FUNCTIONS, SPACING } from "./many_functions.ts";

/** Number of frames of each sample. */
export const DEPTH = 10;

/** Position of the flag `use_clockid`, and of `sample_id_all`. */
const FLAGS = [25, 18];

/** Marker of the user part of a call chain: PERF_CONTEXT_USER. */
const USER = 0xffff_ffff_ffff_fe00n;

/** Time of the first sample, after all functions. Samples are 1 µs apart. */
const FIRST_TIME = 1_000_000;

/** Approximate number of samples that perf reads from its ring buffers at a time. */
const ROUND = 2000;

/** Options for {@linkcode manySamples}. */
export interface ManySamples {
  readonly pid: number;
  /** Path of the program's dump. */
  readonly dump: string;
  readonly samples: number;
  /** Number of distinct call chains. */
  readonly chains: number;
}

/** Returns a perf.data whose samples have chains of ten random functions. */
export function manySamples(options: ManySamples): Uint8Array<ArrayBuffer> {
  const { pid, dump, samples, chains } = options;
  const random = new Random(1);
  const { ino, dev } = Deno.statSync(dump);
  const data = new RecordBuilder();
  data.record(10, 2, (body) => {
    body.u32(pid, pid).u64(0x1000, 0x1000, 0);
    body.u32(dev >> 8, dev & 0xff).u64(ino!, 0).u32(5, 2).text(dump);
    body.u32(pid, pid).u64(1);
  });
  // Each distinct chain is built once; only its timestamp changes.
  const records = Array.from({ length: chains }, () => {
    const frames = Array.from(
      { length: DEPTH },
      () =>
        FIRST_ADDRESS + SPACING * random.below(FUNCTIONS) +
        random.below(SPACING / 2),
    );
    const { bytes } = new RecordBuilder().record(9, 2, (body) => {
      body.u64(frames[0]).u32(pid, pid).u64(0, 250_000);
      body.u64(DEPTH + 1, USER, ...frames);
    });
    return { bytes, view: new DataView(bytes.buffer) };
  });
  for (let i = 0; i < samples; i++) {
    const { bytes, view } = records[i < chains ? i : random.below(chains)];
    view.setBigUint64(24, BigInt(FIRST_TIME + 1000 * i), true);
    data.raw(bytes);
    if (i % ROUND === ROUND - 1) data.finishedRound();
  }
  const event = {
    config: 0,
    sampleType: IP | TID | TIME | PERIOD | CALLCHAIN,
    flags: FLAGS,
    clockid: 1,
  };
  return buildFile({ events: [event], data: data.bytes, attrSize: 128 });
}
