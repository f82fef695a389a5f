/**
 * Records and sections for recordings in tests.
 *
 * @module
 */

import { constants, createZstdCompress } from "node:zlib";
import {
  type AttrFields,
  type Bytes,
  CALLCHAIN,
  CPU,
  IDENTIFIER,
  IP,
  PERIOD,
  putAttr,
  RecordBuilder,
  TID,
  TIME,
} from "./build_perf_data.ts";

const SAMPLE_TYPE = IDENTIFIER | IP | TID | TIME | CPU | PERIOD | CALLCHAIN;

/** The event of {@linkcode sample}. */
export const EVENT = { sampleType: SAMPLE_TYPE, ids: [5] };

/** Adds a PERF_RECORD_SAMPLE of {@linkcode EVENT}. */
export const sample = (
  into: RecordBuilder,
  { time = 100, id = 5, ip = 0xffff_8000_1234_5678n, pid = 10 } = {},
) =>
  into.record(9, 2, (body) => {
    body.u64(id, ip).u32(pid, 11).u64(time).u32(3, 0).u64(7);
    body.u64(2, 0xffff_ffff_ffff_fe00n, ip);
  });

/** Adds the sample_id of a record of {@linkcode EVENT}. */
export const trailer = (body: Bytes, time = 90, id = 5) =>
  body.u32(10, 11).u64(time).u32(3, 0).u64(id);

/** Returns a record of each type that has a class, each with its sample_id. */
export function everyRecord(littleEndian: boolean): Uint8Array {
  const data = new RecordBuilder(littleEndian);
  data.record(1, 2, (body) => {
    body.u32(10, 11).u64(0x1000, 0x2000, 0x3000).text("/bin/größe");
    trailer(body, 1);
  });
  data.record(10, 2, (body) => {
    body.u32(10, 11).u64(0x1000, 0x2000, 0x3000).u32(8, 1).u64(1234, 5);
    body.u32(5, 2).text("/lib/a.so");
    trailer(body, 2);
  });
  data.record(10, 2 | 1 << 14, (body) => {
    body.u32(10, 11).u64(0x1000, 0x2000, 0x3000).u8(3, 0).u16(0);
    body.u8(0xaa, 0xbb, 0xcc).raw(new Uint8Array(17)).u32(5, 2).text("/b");
    trailer(body, 3);
  });
  data.record(3, 1 << 13, (body) => {
    body.u32(10, 11).text("name");
    trailer(body, 4);
  });
  data.record(7, 0, (body) => {
    body.u32(20, 10, 21, 11).u64(5);
    trailer(body, 5);
  });
  data.record(4, 0, (body) => {
    body.u32(20, 10, 21, 11).u64(6);
    trailer(body, 6);
  });
  data.record(2, 0, (body) => trailer(body.u64(5, 77), 7));
  data.record(13, 0, (body) => trailer(body.u64(78), 8));
  data.record(5, 0, (body) => trailer(body.u64(9, 5, 5), 9));
  data.record(14, 1 << 13, (body) => trailer(body, 10));
  data.record(15, 0, (body) => trailer(body.u32(30, 31), 11));
  data.record(16, 0, (body) => {
    trailer(body.u32(10, 11).u64(2, 4, 100, 4, 101), 12);
  });
  data.record(17, 0, (body) => {
    body.u64(0xffff_ffff_c000_0000n).u32(64).u16(1, 1).text("bpf_prog");
    trailer(body, 13);
  });
  data.record(79, 0, (body) => body.u64(1, 2, 3));
  data.record(99, 0, (body) => body.u64(1));
  sample(data, { time: 14 });
  return data.bytes;
}

/** Adds a HEADER_ATTR record of an event. */
export function headerAttr(
  into: RecordBuilder,
  attr: AttrFields,
  ids: number[],
): RecordBuilder {
  return into.record(64, 0, (body) => putAttr(body, attr).u64(...ids));
}

/** Compresses each piece like perf: with a flush after each, and without an end. */
export async function compress(pieces: Uint8Array[]): Promise<Uint8Array[]> {
  const zstd = createZstdCompress();
  let chunks: Uint8Array[] = [];
  zstd.on("data", (chunk: Uint8Array) => chunks.push(chunk));
  const results: Uint8Array[] = [];
  for (const piece of pieces) {
    zstd.write(piece);
    await new Promise<void>((resolve) =>
      zstd.flush(constants.ZSTD_e_flush, () => resolve())
    );
    results.push(new Uint8Array(await new Blob(chunks as BlobPart[]).bytes()));
    chunks = [];
  }
  zstd.destroy();
  return results;
}

/** Adds a PERF_RECORD_COMPRESSED. */
export const compressed = (into: RecordBuilder, data: Uint8Array) =>
  into.record(81, 0, (body) => body.raw(data));

/** Adds a PERF_RECORD_COMPRESSED2. */
export const compressed2 = (into: RecordBuilder, data: Uint8Array) =>
  into.record(83, 0, (body) => {
    body.u64(data.length).raw(data).raw(new Uint8Array(-data.length & 7));
  });

/** Every bit of sample_type in Linux 6.19 except WEIGHT_STRUCT. */
export const EVERYTHING = 2 ** 24 - 1;
export const WEIGHT = 1 << 14, WEIGHT_STRUCT = 1 << 24;

/** An event whose samples have every field. */
export const EVERYTHING_ATTR = {
  sampleType: EVERYTHING,
  readFormat: 0b11111,
  branchSampleType: 1 << 17 | 1 << 19,
  regsUser: 0b1010_0001,
  regsIntr: 0b11,
};

/** Writes all fields of a sample. */
export function putEverything(body: Bytes): void {
  body.u64(5, 0xffff_ffff_8000_0001n).u32(10, 11).u64(100, 0xadd, 5, 6);
  body.u32(3, 0).u64(7);
  // read: a group of two
  body.u64(2, 1000, 900).u64(41, 5, 1).u64(42, 6, 0);
  // callchain
  body.u64(2, 0xffff_ffff_ffff_ff80n, 0xffff_ffff_8000_0001n);
  // raw, with padding to 8 bytes in its size
  body.u32(12).raw(new Uint8Array(12).fill(9));
  // branches with their index and counters
  body.u64(2, 31).u64(1, 2, 3).u64(4, 5, 6).u64(71, 72);
  // regs_user, stack_user
  body.u64(2, 100, 105, 107).u64(16).raw(Uint8Array.from(Array(16).keys()));
  body.u64(9);
  // weight, data_src, transaction
  body.u64(0x1234_5678_9abc_def0n, 51, 52);
  // regs_intr, phys_addr, cgroup, page sizes, aux
  body.u64(1, 61, 62).u64(53, 54, 4096, 8192);
  body.u64(8).raw(new Uint8Array(8).fill(3));
}
