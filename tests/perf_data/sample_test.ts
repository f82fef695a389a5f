import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { PerfDataReader, Sample } from "../../src/perf_data/mod.ts";
import {
  type AttrFields,
  buildFile,
  type Bytes,
  RecordBuilder,
} from "../support/build_perf_data.ts";
import {
  EVERYTHING,
  EVERYTHING_ATTR,
  putEverything,
  WEIGHT,
  WEIGHT_STRUCT,
} from "../support/recordings.ts";

async function readSample(
  littleEndian: boolean,
  attr: AttrFields,
  body: (bytes: Bytes) => void,
): Promise<Sample> {
  const data = new RecordBuilder(littleEndian).record(9, 1, body).bytes;
  const file = buildFile({ littleEndian, events: [attr], data });
  for await (const record of await PerfDataReader.open(file)) {
    assert(record instanceof Sample);
    return record;
  }
  throw new Error("no sample");
}

describe("Sample", () => {
  for (const littleEndian of [true, false]) {
    const order = littleEndian ? "little-endian" : "big-endian";

    it(`decodes every field when a recording is ${order}`, async () => {
      const sample = await readSample(
        littleEndian,
        EVERYTHING_ATTR,
        putEverything,
      );
      assertEquals([sample.id, sample.ip], [5n, 0xffff_ffff_8000_0001n]);
      assertEquals([sample.pid, sample.tid, sample.cpu], [10, 11, 3]);
      assertEquals([sample.timestamp, sample.addr], [100n, 0xaddn]);
      assertEquals([sample.streamId, sample.period], [6n, 7]);
      assertEquals(sample.cpuMode, 1);
      assertEquals(sample.read, {
        timeEnabled: 1000n,
        timeRunning: 900n,
        counters: [
          { value: 41n, id: 5n, lost: 1n },
          { value: 42n, id: 6n, lost: 0n },
        ],
      });
      const chain = sample.callchain!;
      assertEquals([...chain], [
        0xffff_ffff_ffff_ff80n,
        0xffff_ffff_8000_0001n,
      ]);
      assertEquals([chain.low(1), chain.high(1)], [0x8000_0001, 0xffff_ffff]);
      assertEquals([...sample.raw!], Array(12).fill(9));
      const { hwIndex, branches, counters } = sample.branchStack!;
      assertEquals(hwIndex, 31n);
      assertEquals(branches, [
        { from: 1n, to: 2n, flags: 3n },
        { from: 4n, to: 5n, flags: 6n },
      ]);
      assertEquals([...counters], [71n, 72n]);
      const user = sample.userRegisters!;
      assertEquals([user.abi, user.mask], [2, 0b1010_0001n]);
      assertEquals([...user.values], [100n, 105n, 107n]);
      assertEquals([...sample.userStack!], [0, 1, 2, 3, 4, 5, 6, 7, 8]);
      assertEquals(sample.weight, 0x1234_5678_9abc_def0n);
      assertEquals(
        [sample.dataSource, sample.transaction, sample.physicalAddress],
        [51n, 52n, 53n],
      );
      const interrupt = sample.interruptRegisters!;
      assertEquals([interrupt.abi, interrupt.mask], [1, 3n]);
      assertEquals([...interrupt.values], [61n, 62n]);
      assertEquals(
        [sample.cgroup, sample.dataPageSize, sample.codePageSize],
        [54n, 4096n, 8192n],
      );
      assertEquals([...sample.aux!], Array(8).fill(3));
    });

    it(`splits the weight when a recording is ${order}`, async () => {
      const sampleType = EVERYTHING & ~WEIGHT | WEIGHT_STRUCT;
      const attr = { ...EVERYTHING_ATTR, sampleType };
      const sample = await readSample(littleEndian, attr, putEverything);
      assertEquals(sample.weights, {
        var1: 0x9abc_def0,
        var2: 0x5678,
        var3: 0x1234,
      });
    });
  }

  it("decodes counters when read_format has any value without a group", async () => {
    for (let readFormat = 0; readFormat < 32; readFormat++) {
      if (readFormat & 8) continue;
      const attr = { sampleType: 16 | 32, readFormat };
      const bits = [1, 2, 4, 16].filter((bit) => readFormat & bit);
      const sample = await readSample(true, attr, (body) => {
        body.u64(40, ...bits, 1, 0xabc);
      });
      const has = (bit: number) => readFormat & bit ? BigInt(bit) : undefined;
      assertEquals(sample.read, {
        timeEnabled: has(1),
        timeRunning: has(2),
        counters: [{ value: 40n, id: has(4), lost: has(16) }],
      });
      assertEquals([...sample.callchain!], [0xabcn]);
    }
  });

  it("has neither registers nor stack when it is of a kernel thread", async () => {
    const attr = { sampleType: 4096 | 8192, regsUser: 3 };
    const sample = await readSample(true, attr, (body) => body.u64(0, 0));
    const { abi, values } = sample.userRegisters!;
    assertEquals([abi, values.length], [0, 0]);
    assertEquals(sample.userStack!.length, 0);
  });

  it("has the event's period, or 1 with a frequency, when none is recorded", async () => {
    const read = (attr: AttrFields) =>
      readSample(true, { sampleType: 1, ...attr }, (body) => body.u64(1));
    assertEquals((await read({ period: 1000 })).period, 1000);
    assertEquals((await read({ period: 1000, flags: [10] })).period, 1);
  });

  it("has undefined fields when they are not recorded", async () => {
    const sample = await readSample(true, { sampleType: 0 }, () => {});
    assertEquals([sample.ip, sample.ipLow, sample.ipHigh], [0n, 0, 0]);
    assertEquals([sample.pid, sample.tid, sample.cpu], [-1, -1, -1]);
    assertEquals([sample.callchain, sample.read], [undefined, undefined]);
    assertEquals([sample.userStack, sample.raw], [undefined, undefined]);
    assertEquals(sample.time, -Infinity);
  });
});
