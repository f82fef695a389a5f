/**
 * The fuzzer of recordings.
 *
 * @module
 */

import {
  PerfDataFormatError,
  PerfDataReader,
  U64Array,
} from "../../src/perf_data/mod.ts";
import {
  buildFile,
  buildPipe,
  Bytes,
  headerString,
  putAttr,
  RecordBuilder,
} from "../support/build_perf_data.ts";
import {
  compress,
  compressed,
  compressed2,
  EVENT,
  everyRecord,
  EVERYTHING_ATTR,
  headerAttr,
  putEverything,
  sample,
} from "../support/recordings.ts";
import { streamOf } from "../support/stream_of.ts";
import { type FuzzCounts, runCases } from "./cases.ts";
import { damage } from "./damage.ts";

/** Interval of the cases that are compressed, which is slow. */
const COMPRESSED_EVERY = 20;

/** Interval of the cases that are read as a stream. */
const STREAM_EVERY = 10;

/** The recordings for the fuzzer. */
export interface Recordings {
  readonly plain: Uint8Array[];
  readonly compressed: Uint8Array[];
}

/** Creates recordings of all kinds, in both byte orders. */
export async function recordings(): Promise<Recordings> {
  const plain = [true, false].flatMap((littleEndian) => {
    const text = (value: string) => headerString(value, littleEndian);
    const bytes = () => new Bytes(littleEndian);
    const descriptions = putAttr(bytes().u32(1, 136), EVENT)
      .u32(1).raw(text("cpu-clock")).u64(5).bytes;
    const features = {
      2: bytes().u32(67).u16(2, 48).u32(1).raw(new Uint8Array(24))
        .text("/bin/a").bytes,
      3: text("host"),
      11: bytes().u32(2).raw(text("perf")).raw(text("record")).bytes,
      12: descriptions,
      16: bytes().u32(1, 4).raw(text("cpu")).bytes,
      29: bytes().u32(1, 1).u64(1, 2).bytes,
    };
    const data = everyRecord(littleEndian);
    const events = [EVENT, { ...EVENT, ids: [6, 7] }];
    const rounds = new RecordBuilder(littleEndian);
    headerAttr(rounds, EVENT, [5]);
    rounds.record(80, 0, (body) => body.u64(12).raw(descriptions));
    rounds.record(78, 0, (body) => body.u64(2, 5).text("name"));
    rounds.record(69, 0, (body) => body.u64(1, 5, 0, 0, 0));
    for (let time = 20; time > 0; time--) {
      sample(rounds, { time: time ^ 5 });
      if (time % 6 === 0) rounds.finishedRound();
    }
    rounds.record(71, 0, (body) => body.u64(16, 0, 0).u32(0, 0, 0, 0));
    rounds.raw(new Uint8Array(16));
    sample(rounds);
    const everything = new RecordBuilder(littleEndian);
    for (let i = 0; i < 3; i++) everything.record(9, 1, putEverything);
    return [
      buildFile({ littleEndian, events, data, features }),
      buildFile({ littleEndian, events, data, killed: true }),
      buildFile({
        littleEndian,
        events: [EVERYTHING_ATTR],
        data: everything.bytes,
      }),
      buildPipe(rounds.bytes, littleEndian),
    ];
  });
  const records = everyRecord(true);
  const parts = await compress([records.subarray(0, 333), records.slice(333)]);
  const compressedRecordings = [compressed, compressed2].map((put) => {
    const data = new RecordBuilder();
    for (const part of parts) put(data, part);
    return buildFile({ events: [EVENT], data: data.bytes });
  });
  return { plain, compressed: compressedRecordings };
}

/** The getters of each class of records. */
const gettersOf = new Map<unknown, string[]>();

/** Reads every field of an object. */
function readFields(object: object): void {
  const prototype = Object.getPrototypeOf(object);
  let getters = gettersOf.get(prototype);
  if (!getters) {
    getters = [];
    for (
      let type = prototype;
      type !== Object.prototype;
      type = Object.getPrototypeOf(type)
    ) {
      const own = Object.entries(Object.getOwnPropertyDescriptors(type));
      getters.push(...own.filter(([, { get }]) => get).map(([name]) => name));
    }
    gettersOf.set(prototype, getters);
  }
  for (const name of getters) {
    const value = (object as Record<string, unknown>)[name];
    if (value instanceof U64Array) { for (const _ of value); }
  }
}

/** Reads all fields of a recording; returns the number of records. */
async function readAll(
  from: Uint8Array | ReadableStream<Uint8Array>,
): Promise<number> {
  let count = 0;
  const reader = await PerfDataReader.open(from);
  for await (const batch of reader.batches()) {
    count += batch.length;
    for (const record of batch) readFields(record);
  }
  return count;
}

/** Reads a recording; returns undefined if it is rejected, even at a later record. */
async function unlessRejected(read: () => Promise<number>) {
  try {
    return await read();
  } catch (error) {
    if (error instanceof PerfDataFormatError) return undefined;
    throw error;
  }
}

/**
 * Corrupts recordings at random, and reads them.
 *
 * @throws {Error} If a case throws an error other than a `PerfDataFormatError`, or exceeds
 * a limit of {@linkcode runCases}.
 */
export function fuzzRecordings(
  { plain, compressed }: Recordings,
  cases: number,
  seed: number,
): Promise<FuzzCounts> {
  return runCases(cases, seed, (random, index) => {
    const files = index % COMPRESSED_EVERY === 0 ? compressed : plain;
    const bytes = damage(files, random);
    const from = index % STREAM_EVERY === 1
      ? streamOf(bytes, 1 + random.below(bytes.length + 1))
      : bytes;
    return unlessRejected(() => readAll(from));
  });
}
