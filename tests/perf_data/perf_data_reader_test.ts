import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { randomBytes } from "node:crypto";
import {
  CallchainDeferred,
  Comm,
  Exit,
  FinishedRound,
  Fork,
  HeaderAttr,
  HeaderBuildId,
  IdIndex,
  Ksymbol,
  Lost,
  LostSamples,
  Mmap,
  Mmap2,
  Namespaces,
  PerfDataFormatError,
  PerfDataReader,
  type PerfRecord,
  Sample,
  Switch,
  SwitchCpuWide,
  Throttle,
  TimeConv,
} from "../../src/perf_data/mod.ts";
import {
  buildFile,
  buildPipe,
  Bytes,
  headerString,
  IP,
  putAttr,
  RecordBuilder,
} from "../support/build_perf_data.ts";
import {
  compress,
  compressed,
  compressed2,
  EVENT,
  everyRecord,
  headerAttr,
  sample,
  trailer,
} from "../support/recordings.ts";
import { runOrThrow } from "../support/perf.ts";
import { streamOf } from "../support/stream_of.ts";
import { temporaryDirectory } from "../support/script.ts";

async function readAll(
  from: Parameters<typeof PerfDataReader.open>[0],
): Promise<{ records: PerfRecord[]; reader: PerfDataReader }> {
  const reader = await PerfDataReader.open(from);
  const records: PerfRecord[] = [];
  for await (const record of reader) records.push(record);
  return { records, reader };
}

/** Reads until an error; returns it with the number of records before it. */
async function readToError(
  from: Parameters<typeof PerfDataReader.open>[0],
): Promise<{ error: PerfDataFormatError; count: number }> {
  let count = 0;
  try {
    for await (const _ of await PerfDataReader.open(from)) count++;
  } catch (error) {
    if (error instanceof PerfDataFormatError) return { error, count };
    throw error;
  }
  throw new Error("no error");
}

const times = (records: PerfRecord[]) =>
  records.map(({ timestamp }) => Number(timestamp));

/** Checks the records of {@linkcode everyRecord}. */
function checkEveryRecord(records: PerfRecord[]): void {
  const of = <T>(type: abstract new (...args: never[]) => T): T[] =>
    records.filter((record): record is PerfRecord & T =>
      record instanceof type
    );
  const [mmap, mmap2, withBuildId] = of(Mmap);
  assertEquals(
    [mmap.pid, mmap.tid, mmap.start, mmap.length, mmap.pageOffset],
    [10, 11, 0x1000n, 0x2000n, 0x3000n],
  );
  assertEquals([mmap.filename, mmap.cpu, mmap.id], ["/bin/größe", 3, 5n]);
  assert(mmap2 instanceof Mmap2 && withBuildId instanceof Mmap2);
  assertEquals(mmap2.file, { major: 8, minor: 1, inode: 1234n });
  assertEquals([mmap2.buildId, mmap2.filename], [undefined, "/lib/a.so"]);
  assertEquals([mmap2.protection, mmap2.flags], [5, 2]);
  assertEquals(withBuildId.file, undefined);
  assertEquals([...withBuildId.buildId!], [0xaa, 0xbb, 0xcc]);
  assertEquals(withBuildId.filename, "/b");
  const [comm] = of(Comm);
  assertEquals([comm.comm, comm.isExec, comm.tid], ["name", true, 11]);
  const [fork] = of(Fork), [exit] = of(Exit);
  assertEquals(
    [fork.pid, fork.parentPid, fork.tid, fork.parentTid],
    [20, 10, 21, 11],
  );
  assertEquals([exit.pid, exit.tid], [20, 21]);
  assertEquals([of(Lost)[0].lost, of(LostSamples)[0].lost], [77n, 78n]);
  assertEquals(of(Throttle)[0].isThrottled, true);
  const [switched, wide] = of(Switch);
  assertEquals([switched.isOut, switched.tid], [true, 11]);
  assert(wide instanceof SwitchCpuWide);
  assertEquals([wide.isOut, wide.otherTid], [false, 31]);
  assertEquals(of(Namespaces)[0].namespaces, [
    { device: 4n, inode: 100n },
    { device: 4n, inode: 101n },
  ]);
  const [ksymbol] = of(Ksymbol);
  assertEquals(
    [ksymbol.address, ksymbol.length, ksymbol.symbol, ksymbol.isUnregistered],
    [0xffff_ffff_c000_0000n, 64, "bpf_prog", true],
  );
  const [{ timeShift, timeMult, timeZero }] = of(TimeConv);
  assertEquals([timeShift, timeMult, timeZero], [1n, 2n, 3n]);
  const [found] = of(Sample);
  assertEquals(
    [found.ip, found.ipLow, found.ipHigh],
    [0xffff_8000_1234_5678n, 0x1234_5678, 0xffff_8000],
  );
  assertEquals([found.pid, found.tid, found.cpu, found.period], [10, 11, 3, 7]);
  assertEquals([found.cpuMode, found.event?.index], [2, 0]);
  assertEquals([...found.callchain!], [
    0xffff_ffff_ffff_fe00n,
    0xffff_8000_1234_5678n,
  ]);
  const unknown = records.find(({ type }) => type === 99)!;
  assertEquals(unknown.typeName, "record of unknown type 99");
  assertEquals(unknown.size, 16);
  // Records of perf itself have no time, and are returned in the order of the file.
  const timed = records.filter(({ type }) => type < 64);
  assertEquals(times(timed), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
}

describe("PerfDataReader", () => {
  for (const littleEndian of [true, false]) {
    const order = littleEndian ? "little-endian" : "big-endian";

    it(`decodes every kind of record when a file is ${order}`, async () => {
      const data = everyRecord(littleEndian);
      const file = buildFile({ littleEndian, events: [EVENT], data });
      const { records, reader } = await readAll(file);
      assertEquals(reader.header.littleEndian, littleEndian);
      assertEquals(reader.header.isPipe, false);
      checkEveryRecord(records);
      assertEquals(reader.tails, []);
    });

    it(`decodes every kind of record when a pipe is ${order}`, async () => {
      const data = headerAttr(new RecordBuilder(littleEndian), EVENT, [5])
        .raw(everyRecord(littleEndian));
      const { records, reader } = await readAll(
        buildPipe(data.bytes, littleEndian),
      );
      assertEquals(reader.header.isPipe, true);
      assert(records[0] instanceof HeaderAttr);
      checkEveryRecord(records);
      assertEquals(reader.events.all[0].ids, [5n]);
    });

    it(`reads the features when a file is ${order}`, async () => {
      const text = (value: string) => headerString(value, littleEndian);
      const bytes = () => new Bytes(littleEndian);
      const eventDesc = bytes().u32(1, 136);
      putAttr(eventDesc, EVENT).u32(1).raw(text("cpu-clock:u")).u64(5);
      const features = {
        2: bytes().u32(67).u16(2 | 1 << 15, 44).u32(0xffff_ffff)
          .raw(new Uint8Array(20).fill(7)).u8(4, 0, 0, 0).text("/lib/b").bytes,
        3: text("host"),
        4: text("6.1.0"),
        5: text("6.1.187"),
        6: text("x86_64"),
        7: bytes().u32(8, 4).bytes,
        8: text("A processor"),
        10: bytes().u64(2048).bytes,
        11: bytes().u32(2).raw(text("perf")).raw(text("record")).bytes,
        12: eventDesc.bytes,
        16: bytes().u32(1, 4).raw(text("cpu")).bytes,
        21: bytes().u64(10, 20).bytes,
        23: bytes().u64(1).bytes,
        29: bytes().u32(1, 1).u64(1000, 2000).bytes,
        31: bytes().u32(1).bytes,
      };
      const data = sample(new RecordBuilder(littleEndian)).bytes;
      const { reader } = await readAll(
        buildFile({ littleEndian, events: [EVENT], data, features }),
      );
      const { features: found } = reader;
      assertEquals(reader.malformedFeatures, []);
      assertEquals(
        [found.hostname, found.osRelease, found.version, found.arch],
        ["host", "6.1.0", "6.1.187", "x86_64"],
      );
      assertEquals(found.cpus, { available: 8, online: 4 });
      assertEquals(found.cpuDescription, "A processor");
      assertEquals(found.totalMemory, 2048n * 1024n);
      assertEquals(found.commandLine, ["perf", "record"]);
      assertEquals(reader.events.all[0].name, "cpu-clock:u");
      assertEquals([...found.pmus!], [[4, "cpu"]]);
      assertEquals(found.sampleTime, { first: 10n, last: 20n });
      assertEquals(found.clockResolution, 1n);
      assertEquals(found.clockData, {
        clockid: 1,
        wallClock: 1000n,
        clock: 2000n,
      });
      const [{ pid, filename, buildId }] = found.buildIds!;
      assertEquals([pid, filename, [...buildId]], [-1, "/lib/b", [7, 7, 7, 7]]);
    });
  }

  it("decodes id indices, build-ids and deferred call chains when a file has them", async () => {
    const data = new RecordBuilder();
    data.record(69, 0, (body) => body.u64(1, 5, 2, 3, 2n ** 64n - 1n));
    data.record(67, 2 | 1 << 15, (body) => {
      body.u32(0xffff_ffff).raw(new Uint8Array(20).fill(7));
      body.u8(3, 0, 0, 0).text("/lib/c");
    });
    data.record(22, 2, (body) => trailer(body.u64(77, 2, 0x1000, 0x2000), 9));
    data.record(68, 0, () => {});
    const { records: [index, buildId, round, chain] } = await readAll(
      buildFile({ events: [EVENT], data: data.bytes }),
    );
    assert(index instanceof IdIndex);
    assertEquals(index.entries, [{ id: 5n, index: 2n, cpu: 3n, tid: -1n }]);
    assert(buildId instanceof HeaderBuildId);
    assertEquals([buildId.pid, buildId.filename], [-1, "/lib/c"]);
    assertEquals([...buildId.buildId], [7, 7, 7]);
    assert(chain instanceof CallchainDeferred);
    assertEquals([chain.cookie, chain.timestamp], [77n, 9n]);
    assertEquals([...chain.callchain], [0x1000n, 0x2000n]);
    assert(round instanceof FinishedRound);
  });

  it("reads the flags when the machine is 32-bit and big-endian", async () => {
    const file = buildFile({
      littleEndian: false,
      events: [EVENT],
      data: new Uint8Array(0x10),
      features: { 3: headerString("host", false) },
    });
    // The words of the flags as longs of 32 bits: the first one holds bits 0 to 31.
    const view = new DataView(file.buffer);
    const low = view.getUint32(72 + 4);
    view.setUint32(72, low);
    view.setUint32(72 + 4, 0);
    const reader = await PerfDataReader.open(file);
    assertEquals(reader.features.hostname, "host");
    await reader.close();
  });

  it("reads the other features when one is malformed", async () => {
    const features = {
      3: headerString("host"),
      11: new Bytes().u32(0xffff_ffff).bytes,
    };
    const data = sample(new RecordBuilder()).bytes;
    const { reader, records } = await readAll(
      buildFile({ events: [EVENT], data, features }),
    );
    assertEquals(records.length, 1);
    assertEquals(reader.features.hostname, "host");
    const [error] = reader.malformedFeatures;
    assertEquals([error.record, error.field], ["HEADER_CMDLINE", "section"]);
  });

  it("reads events when their attributes have any size", async () => {
    for (const attrSize of [64, 72, 80, 96, 104, 112, 120, 128, 136, 144]) {
      const data = sample(new RecordBuilder()).bytes;
      const event = { ...EVENT, regsUser: 7, clockid: 1, flags: [10, 18, 25] };
      const { reader, records: [first] } = await readAll(
        buildFile({ events: [event], data, attrSize }),
      );
      assert(first instanceof Sample);
      assertEquals(first.period, 7);
      const { attr } = reader.events.all[0];
      assertEquals(attr.size, attrSize);
      assertEquals(attr.sampleRegsUser, attrSize >= 88 ? 7n : 0n);
      assertEquals(attr.clockid, attrSize >= 96 ? 1 : 0);
      assertEquals([attr.freq, attr.useClockid], [true, true]);
    }
  });

  it("finds a sample's event when there are several", async () => {
    const data = new RecordBuilder();
    const big = 2n ** 63n + 1n;
    for (const id of [6n, big, 5n, 404n]) {
      sample(data, { id: id as unknown as number });
    }
    const events = [EVENT, { ...EVENT, config: 1, ids: [6, big] }];
    const { records } = await readAll(
      buildFile({ events, data: data.bytes }),
    );
    assertEquals(
      records.map(({ event }) => event?.name),
      ["task-clock", "task-clock", "cpu-clock", undefined],
    );
  });

  it("names events when a pipe has EVENT_UPDATE or EVENT_DESC", async () => {
    const data = new RecordBuilder();
    headerAttr(data, EVENT, [5]);
    headerAttr(data, { ...EVENT, config: 9 }, [6]);
    data.record(78, 0, (body) => body.u64(2, 5).text("named"));
    data.record(80, 0, (body) => {
      body.u64(12).u32(1, 136);
      putAttr(body, EVENT).u32(1).raw(headerString("described")).u64(6);
    });
    const { reader } = await readAll(buildPipe(data.bytes));
    assertEquals(reader.events.all.map(({ name }) => name), [
      "named",
      "described",
    ]);
  });

  it("reads a stream when its pieces have any size", async () => {
    const data = headerAttr(new RecordBuilder(), EVENT, [5])
      .raw(everyRecord(true));
    const bytes = buildPipe(data.bytes);
    for (const size of [1, 7, 100, bytes.length]) {
      checkEveryRecord((await readAll(streamOf(bytes, size))).records);
    }
  });

  it("throws when a stream has the format of a file", async () => {
    const data = sample(new RecordBuilder()).bytes;
    const file = buildFile({ events: [EVENT], data });
    const { error } = await readToError(new Blob([file]).stream());
    assertEquals([error.record, error.field], ["file header", "size"]);
    assertStringIncludes(error.message, "from a file, not from a pipe");
  });

  it("reads a recording when perf was killed", async () => {
    const data = sample(sample(new RecordBuilder())).bytes;
    const cut = data.subarray(0, data.length - 5);
    const file = buildFile({ events: [EVENT], data: cut, killed: true });
    const { reader, records } = await readAll(file);
    assertEquals(reader.header.isUnfinished, true);
    assertEquals(records.length, 1);
    assertEquals(reader.tails, [{
      offset: file.length - data.length / 2 + 5,
      file: undefined,
    }]);
  });

  it("skips data when it follows AUXTRACE or TRACING_DATA", async () => {
    const data = new RecordBuilder();
    headerAttr(data, EVENT, [5]);
    data.record(71, 0, (body) => body.u64(2_000_000, 0, 0).u32(0, 0, 0, 0));
    data.raw(new Uint8Array(2_000_000).fill(1));
    data.record(66, 0, (body) => body.u32(13, 0));
    data.raw(new Uint8Array(16).fill(1));
    sample(data);
    using directory = temporaryDirectory();
    const path = `${directory.path}/perf.data`;
    Deno.writeFileSync(path, buildPipe(data.bytes));
    for (const from of [path, buildPipe(data.bytes)]) {
      const { records, reader } = await readAll(from);
      assertEquals(records.map(({ type }) => type), [64, 71, 66, 9]);
      assertEquals(reader.tails, []);
    }
  });

  it("reads a pipe when it gets its path", async () => {
    using directory = temporaryDirectory();
    const path = `${directory.path}/pipe`;
    const data = headerAttr(new RecordBuilder(), EVENT, [5])
      .raw(everyRecord(true));
    Deno.writeFileSync(`${path}.data`, buildPipe(data.bytes));
    await runOrThrow(["mkfifo", path]);
    const writer = runOrThrow(["sh", "-c", `cat ${path}.data > ${path}`]);
    checkEveryRecord((await readAll(path)).records);
    await writer;
  });

  it("ends at AUXTRACE when its data is truncated", async () => {
    const data = new RecordBuilder();
    data.record(
      71,
      0,
      (body) => body.u64(2n ** 64n - 1n, 0, 0).u32(0, 0, 0, 0),
    );
    const { records, reader } = await readAll(buildPipe(data.bytes));
    assertEquals([records.length, reader.tails.length], [1, 1]);
  });

  it("reads records when they continue in the next compressed record", async () => {
    const plain = new RecordBuilder();
    for (let time = 1; time <= 1000; time++) sample(plain, { time });
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < plain.length; at += 5001) {
      pieces.push(plain.bytes.subarray(at, at + 5001));
    }
    const parts = await compress(pieces);
    for (const put of [compressed, compressed2]) {
      const data = new RecordBuilder();
      for (const part of parts) {
        // Blocks of zstd continue across records too.
        put(data, part.subarray(0, 9));
        put(data, part.subarray(9));
      }
      const { records, reader } = await readAll(
        buildFile({ events: [EVENT], data: data.bytes }),
      );
      assertEquals(records.length, 1000);
      assertEquals(times(records), times(records).toSorted((a, b) => a - b));
      assertEquals(reader.tails, []);
    }
  });

  it("reads COMPRESSED2 records of perf 6.16 when their size exceeds 16 bits", async () => {
    const noise = new RecordBuilder();
    for (let i = 0; i < 3; i++) {
      noise.record(99, 0, (body) => body.raw(randomBytes(60_000)));
    }
    sample(noise);
    const [zstd] = await compress([noise.bytes]);
    const maxPart = 65_519;
    const data = new RecordBuilder();
    // The first record's size and data_size are those of all three together.
    const sizes = [maxPart, maxPart, zstd.length - 2 * maxPart];
    const total = zstd.length + 3 * 16;
    data.u32(83).u16(0, (total + 7 & ~7) & 0xffff).u64(total - 16);
    data.raw(zstd.subarray(0, maxPart));
    data.u32(83).u16(0, 16 + sizes[1]).u64(0xdead_beef_dead_beefn);
    data.raw(zstd.subarray(maxPart, 2 * maxPart));
    data.u32(83).u16(0, 16 + sizes[2]).u64(0xdead_beef_dead_beefn);
    data.raw(zstd.subarray(2 * maxPart));
    sample(data, { time: 200 });
    const { records } = await readAll(
      buildFile({ events: [EVENT], data: data.bytes }),
    );
    assertEquals(records.map(({ type }) => type), [99, 99, 99, 9, 9]);
  });

  it("throws after the preceding records when zstd data is invalid", async () => {
    const data = sample(new RecordBuilder());
    compressed(data, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    const file = buildFile({ events: [EVENT], data: data.bytes });
    const { error, count } = await readToError(file);
    assertEquals(count, 1);
    assertEquals(
      [error.record, error.field],
      ["PERF_RECORD_COMPRESSED", "data"],
    );
  });

  it("merges files by time when a recording is a directory", async () => {
    using directory = temporaryDirectory();
    const main = new RecordBuilder();
    main.record(3, 0, (body) => trailer(body.u32(10, 11).text("first"), 0));
    const write = (name: string, bytes: Uint8Array) =>
      Deno.writeFileSync(`${directory.path}/${name}`, bytes);
    write("data", buildFile({ events: [EVENT], data: main.bytes }));
    const rings = [0, 1, 2].map(() => new RecordBuilder());
    for (let time = 1; time <= 30_000; time++) {
      sample(rings[time % 7 % 3], { time });
    }
    write("data.0", rings[0].bytes);
    write("data.2", rings[2].bytes);
    write("data.10", rings[1].bytes.subarray(0, -4));
    const { records, reader } = await readAll(directory.path);
    assertEquals(records.length, 30_000);
    assert(records[0] instanceof Comm);
    const found = times(records.slice(1));
    assertEquals(found, found.toSorted((a, b) => a - b));
    assertEquals(reader.tails.map(({ file }) => file), ["data.10"]);
  });

  it("orders records by time when there are several ring buffers and rounds", async () => {
    const data = new RecordBuilder();
    data.record(3, 0, (body) => trailer(body.u32(1, 1).text("made up"), 0));
    const rounds = [[3, 9, 1, 8], [5, 12, 10, 11], [9, 14, 13, 20]];
    for (const round of rounds) {
      for (const time of round) sample(data, { time });
      data.finishedRound();
    }
    sample(data, { time: 15 });
    const { records, reader } = await readAll(
      buildFile({ events: [EVENT], data: data.bytes }),
    );
    const timed = records.filter((record) => record instanceof Sample);
    assertEquals(times(timed), [1, 3, 5, 8, 9, 9, 10, 11, 12, 13, 14, 15, 20]);
    assertEquals(records[0].time, -Infinity);
    assertEquals(reader.startTime, 1n);
    assertEquals(timed[0].time, 0);
  });

  it("keeps the order when records have no times", async () => {
    const data = new RecordBuilder();
    for (const ip of [3, 1, 2]) data.record(9, 2, (body) => body.u64(ip));
    const { records } = await readAll(
      buildFile({ events: [{ sampleType: IP }], data: data.bytes }),
    );
    assertEquals(records.map((record) => (record as Sample).ip), [3n, 1n, 2n]);
  });

  it("returns the preceding records in order when one is malformed", async () => {
    const data = sample(sample(new RecordBuilder(), { time: 2 }), { time: 1 });
    data.u32(9).u16(2, 0);
    const { error, count } = await readToError(
      buildFile({ events: [EVENT], data: data.bytes }),
    );
    assertEquals(count, 2);
    assertEquals(
      [error.record, error.field],
      ["PERF_RECORD_SAMPLE", "header.size"],
    );
    assertStringIncludes(error.message, "is 0, but a record has at least 8");
  });

  it("throws with byte and field when the header is malformed", async () => {
    const good = () =>
      buildFile({ events: [EVENT], data: sample(new RecordBuilder()).bytes });
    const withU64 = (at: number, value: bigint) => {
      const file = good();
      new DataView(file.buffer).setBigUint64(at, value, true);
      return file;
    };
    const cases: [Uint8Array, number, string][] = [
      [new Uint8Array(0), 0, "magic"],
      [new TextEncoder().encode("#!/bin/sh and so on"), 0, "magic"],
      [withU64(8, 17n), 8, "size"],
      [withU64(8, 2n ** 60n), 8, "size"],
      [withU64(16, 8n), 16, "attr_size"],
      [withU64(32, 2n ** 40n), 32, "attrs_size"],
      [withU64(40, 2n ** 40n), 40, "data_offset"],
      [withU64(104 + 8 + 136 + 8, 2n ** 40n), 104 + 8 + 136 + 8, "ids.size"],
    ];
    for (const [bytes, offset, field] of cases) {
      const { error, count } = await readToError(bytes);
      assertEquals([error.offset, error.field, count], [offset, field, 0]);
    }
  });

  it("throws when parts of a record do not fit in it", async () => {
    const cases: [number, (body: Bytes) => void, string][] = [
      [1, (body) => body.u32(1, 2), "header.size"],
      [16, (body) => trailer(body.u32(1, 2).u64(2 ** 40)), "nr_namespaces"],
      [9, (body) => body.u64(5, 1), "header.size"],
      [
        9,
        (body) => body.u64(5, 1).u32(1, 1).u64(1).u32(0, 0).u64(1, 2n ** 61n),
        "callchain.nr",
      ],
      [69, (body) => body.u64(2n ** 60n), "nr"],
      [83, (body) => body.u64(100), "data_size"],
    ];
    for (const [type, body, field] of cases) {
      const data = new RecordBuilder().record(type, 0, body);
      const { error } = await readToError(
        buildFile({ events: [EVENT], data: data.bytes }),
      );
      assertEquals(error.field, field);
    }
  });

  it("throws when a pipe has a sample but no event", async () => {
    const { error } = await readToError(
      buildPipe(sample(new RecordBuilder()).bytes),
    );
    assertStringIncludes(error.message, "no event description precedes it");
  });
});
