import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { packAttr } from "../../src/perf_data/new_attr.ts";
import { finishedRound, NewRecords } from "../../src/perf_data/new_records.ts";
import { PerfDataReader } from "../../src/perf_data/perf_data_reader.ts";
import { PerfDataWriter } from "../../src/perf_data/perf_data_writer.ts";
import { Comm, Mmap, Mmap2 } from "../../src/perf_data/records.ts";

/** A file in memory that writes at most some bytes at once. */
class MemoryFile {
  bytes = new Uint8Array(0);
  #at = 0;

  writeSync(bytes: Uint8Array): number {
    const part = bytes.subarray(0, 100);
    const end = this.#at + part.length;
    if (end > this.bytes.length) {
      const longer = new Uint8Array(end);
      longer.set(this.bytes);
      this.bytes = longer;
    }
    this.bytes.set(part, this.#at);
    this.#at = end;
    return part.length;
  }

  seekSync(offset: number): number {
    return this.#at = offset;
  }
}

const EVENTS = [
  { name: "cycles:u", type: 0, config: 0n, ids: [5n, 6n] },
  { name: "page-faults", type: 1, config: 2n, ids: [7n] },
].map(({ name, type, config, ids }) => ({
  name,
  ids,
  attr: packAttr({
    ...{ type, config, samplePeriod: 999n, sampleType: 0x10007, clockid: 1 },
    flags: ["freq", "sampleIdAll", "useClockid"],
  }),
}));

const RECORDS = new NewRecords(24);
const MAPPING = {
  ...{ pid: 9, start: 0x1000n, size: 0x2000n, pageOffset: 0x3000n },
  ...{ major: 1, minor: 2, inode: 3n, protection: 5, flags: 2 },
  path: "/usr/bin/x",
};

/** Writes four records to a file in memory. */
function written(): { file: MemoryFile; writer: PerfDataWriter } {
  const file = new MemoryFile();
  const writer = new PerfDataWriter(file, EVENTS);
  writer.write(RECORDS.kernel({
    ...{ start: 8n, size: 16n, file: "[kernel.kallsyms]_text" },
  }));
  writer.write(RECORDS.comm(9, 10, "a thread"));
  writer.write(RECORDS.mapping(MAPPING));
  writer.write(finishedRound());
  return { file, writer };
}

async function read(bytes: Uint8Array) {
  const reader = await PerfDataReader.open(bytes);
  const records = await Array.fromAsync(reader);
  return { reader, records };
}

describe("PerfDataWriter", () => {
  it("writes records that the reader reads when the recording is finished", async () => {
    const simple = {
      hostname: "host",
      arch: "x86_64",
      cpus: { online: 2, available: 4 },
      cpuDescription: "A processor",
      totalMemory: 2n ** 30n,
      commandLine: ["jitdump", "record"],
      sampleTime: { first: 1n, last: 2n },
      clockResolution: 1n,
      clockData: { clockid: 1, wallClock: 3n, clock: 4n },
    };
    const { file, writer } = written();
    writer.finish({
      ...simple,
      buildIds: [{
        pid: -1,
        buildId: Uint8Array.of(1, 2, 3),
        filename: "/usr/bin/x",
        misc: 0x8002,
      }],
    });
    const { reader, records } = await read(file.bytes);
    assertEquals(reader.header.isUnfinished, false);
    assertEquals(reader.malformedFeatures, []);
    const { buildIds, eventDescriptions, ...features } = reader.features;
    assertEquals(features, simple);
    assertEquals(buildIds?.[0].filename, "/usr/bin/x");
    assertEquals(buildIds?.[0].buildId.subarray(0, 3), Uint8Array.of(1, 2, 3));
    assertEquals(eventDescriptions, [
      { name: "cycles:u", ids: [5n, 6n] },
      { name: "page-faults", ids: [7n] },
    ]);
    assertEquals(
      reader.events.all.map(({ name, attr }) => [
        name,
        attr.samplePeriod,
        attr.freq,
        attr.useClockid,
        attr.clockid,
      ]),
      [["cycles:u", 999n, true, true, 1], ["page-faults", 999n, true, true, 1]],
    );
    const [kernel, comm, mapping] = records;
    assert(kernel instanceof Mmap && comm instanceof Comm);
    assertEquals(
      [kernel.filename, kernel.pid],
      ["[kernel.kallsyms]_text", -1],
    );
    assertEquals([comm.pid, comm.tid, comm.comm], [9, 10, "a thread"]);
    assert(mapping instanceof Mmap2);
    assertEquals(mapping.filename, "/usr/bin/x");
    assertEquals(mapping.file, { major: 1, minor: 2, inode: 3n });
    assertEquals([mapping.protection, mapping.flags], [5, 2]);
  });

  it("replaces a record when another one of its size is known later", async () => {
    const { file, writer } = written();
    const position = writer.end;
    writer.write(RECORDS.comm(9, 11, "before"));
    writer.write(RECORDS.comm(9, 12, "other"));
    writer.replace(position, RECORDS.comm(9, 11, "behind"));
    writer.finish({});
    const { records } = await read(file.bytes);
    const names = records.filter((record) => record instanceof Comm)
      .map(({ comm }) => comm);
    assertEquals(names, ["a thread", "behind", "other"]);
  });

  it("writes records that are readable when the file ends within a later one", async () => {
    const { file } = written();
    const whole = await read(file.bytes);
    assertEquals(whole.reader.header.isUnfinished, true);
    assertEquals(whole.records.length, 4);
    const cut = await read(file.bytes.subarray(0, file.bytes.length - 9));
    assertEquals(cut.records.length, 2);
    assertEquals(cut.reader.tails.length, 1);
  });

  it("writes records that are readable beyond the committed size when the file is unfinished", async () => {
    const { file, writer } = written();
    writer.commit();
    const committed = file.bytes.length;
    writer.write(RECORDS.comm(9, 11, "another thread"));
    const { reader, records } = await read(file.bytes);
    assertEquals(reader.header.isUnfinished, true);
    assertEquals(records.length, 5);
    const dataSize = new DataView(file.bytes.buffer).getBigUint64(48, true);
    // Header, three ids, and two attrs of 128 bytes with their sections.
    assertEquals(Number(dataSize), committed - (104 + 3 * 8 + 2 * 144));
  });
});
