import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { JitDumpFile } from "../../mod.ts";
import {
  CodeClose,
  CodeLoad,
  CodeMove,
  DebugInfo,
  type DumpRecord,
  FunctionBuilder,
  JitDumpFormatError,
  JitDumpReader,
  JitDumpStream,
  UnwindingInfo,
} from "../../src/reader/mod.ts";
import { DumpBuilder } from "../support/build_dump.ts";
import { readLoads } from "../support/parse_dump.ts";
import { temporaryDirectory } from "../support/script.ts";
import { descriptorsOn } from "../support/open_files.ts";
import { streamOf } from "../support/stream_of.ts";
import { memoryInUse } from "../support/this_thread.ts";

/** Adds records of every kind. */
const everything = (littleEndian: boolean) =>
  new DumpBuilder(littleEndian, { machine: 21, pid: 4711 })
    .debugInfo(0x1000n, [[0x1000n, 3, "/a.js"], [0x1002n, 4, "größe"]], 5n)
    .unwinding(Uint8Array.of(1, 2, 3, 4, 5), 2, 16)
    .load({
      name: "größe",
      address: 0x1000n,
      code: Uint8Array.of(0, 1, 2, 0),
      index: 2n ** 63n,
      time: 2n ** 64n - 1n,
      pid: 4711,
      tid: 4712,
    })
    .move(0x1000n, 0x2000n, 4, 2n ** 63n)
    .record(3, 9n)
    .record(77, 10n, () => {});

/** The expected fields of these records. */
const EVERYTHING = [
  {
    offset: 40,
    record: "JIT_CODE_DEBUG_INFO",
    id: 2,
    totalSize: 32 + 16 + 6 + 16 + 8,
    timestamp: 5n,
    codeAddr: 0x1000n,
    nrEntry: 2,
    entries: [
      { codeAddr: 0x1000n, line: 3, discrim: 0, file: "/a.js" },
      { codeAddr: 0x1002n, line: 4, discrim: 0, file: "größe" },
    ],
  },
  {
    offset: 118,
    record: "JIT_CODE_UNWINDING_INFO",
    id: 4,
    totalSize: 45,
    timestamp: 1n,
    unwindingSize: 5,
    ehFrameHdrSize: 2,
    mappedSize: 16n,
  },
  {
    offset: 163,
    record: "JIT_CODE_LOAD",
    id: 0,
    totalSize: 56 + 8 + 4,
    timestamp: 2n ** 64n - 1n,
    pid: 4711,
    tid: 4712,
    vma: 0x1000n,
    codeAddr: 0x1000n,
    codeSize: 4,
    codeIndex: 2n ** 63n,
    functionName: "größe",
  },
  {
    offset: 231,
    record: "JIT_CODE_MOVE",
    id: 1,
    totalSize: 64,
    timestamp: 1n,
    pid: 7,
    tid: 7,
    vma: 0x2000n,
    oldCodeAddr: 0x1000n,
    newCodeAddr: 0x2000n,
    codeSize: 4,
    codeIndex: 2n ** 63n,
  },
  {
    offset: 295,
    record: "JIT_CODE_CLOSE",
    id: 3,
    totalSize: 16,
    timestamp: 9n,
  },
  {
    offset: 311,
    record: "record of unknown id 77",
    id: 77,
    totalSize: 16,
    timestamp: 10n,
  },
];

const CLASSES = [DebugInfo, UnwindingInfo, CodeLoad, CodeMove, CodeClose];

const toObjects = (records: DumpRecord[]) =>
  records.map((record) => record.toJSON());

async function readStream(bytes: Uint8Array, size: number) {
  const dump = await JitDumpStream.open(streamOf(bytes, size));
  const records = await Array.fromAsync(dump);
  return { header: dump.header, tail: dump.tail, records };
}

describe("reading a dump", () => {
  for (const littleEndian of [true, false]) {
    const order = littleEndian ? "little" : "big";
    it(`yields every record when it is ${order}-endian`, () => {
      const reader = new JitDumpReader(everything(littleEndian).bytes);
      assertEquals(reader.header, {
        magic: 0x4A695444,
        version: 1,
        totalSize: 40,
        elfMach: 21,
        pad1: 0,
        pid: 4711,
        timestamp: 1n,
        flags: 0n,
        littleEndian,
      });
      const records = [...reader];
      assertEquals(toObjects(records), EVERYTHING);
      assertEquals(reader.tail, undefined);
      CLASSES.forEach((c, i) => assert(records[i] instanceof c));
      const [, unwinding, load] = records as [
        DumpRecord,
        UnwindingInfo,
        CodeLoad,
      ];
      assertEquals([...load.code], [0, 1, 2, 0]);
      assertEquals([...unwinding.ehFrame], [1, 2, 3]);
      assertEquals([...unwinding.ehFrameHdr], [4, 5]);
      assertEquals(load.bytes.length, load.totalSize);
      // A second iteration.
      assertEquals(toObjects([...reader]), EVERYTHING);
    });

    it(`yields the same records when a ${order}-endian stream has pieces of any size`, async () => {
      const { bytes } = everything(littleEndian);
      for (const size of [1, 2, 7, 39, 40, 41, 63, 100, bytes.length]) {
        const { records, tail } = await readStream(bytes, size);
        assertEquals(toObjects(records), EVERYTHING);
        assertEquals(tail, undefined);
      }
    });
  }

  it("yields the records when the header is larger or its fields are unknown", () => {
    const fields = { totalSize: 57, version: 2, flags: 0xf0n };
    const builder = new DumpBuilder(true, fields).load();
    // Padding in a record of any kind.
    builder.record(1, 1n, () => builder.raw(new Uint8Array(90)))
      .record(3, 1n, () => builder.raw(new Uint8Array(8)))
      .record(2, 1n, () => {
        builder.u64(16n, 0n);
        builder.raw(new Uint8Array(8));
      });
    const reader = new JitDumpReader(builder.bytes);
    assertEquals(reader.header.flags, 0xf0n);
    assertEquals([...reader].map(({ id }) => id), [0, 1, 3, 2]);
  });

  it("reads 40 bytes of header when its total_size is less, as perf 6.1 does", () => {
    for (const totalSize of [0, 8, 39]) {
      const { bytes } = new DumpBuilder(true, { totalSize }).load();
      const [load] = [...new JitDumpReader(bytes)];
      assertEquals([load.id, load.offset], [0, 40]);
    }
  });

  it("yields name, address and size when a load has no code bytes", () => {
    const builder = new DumpBuilder();
    for (const index of [0n, 1n]) {
      builder.record(0, 1n, () => {
        builder.u32(7, 7);
        builder.u64(16n, 16n, 64n, index);
        builder.text("stub");
      });
    }
    const loads = [...new JitDumpReader(builder.bytes)] as CodeLoad[];
    assertEquals(
      loads.map(({ functionName, codeSize, code, isComplete }) => [
        functionName,
        codeSize,
        code.length,
        isComplete,
      ]),
      [["stub", 64, 0, true], ["stub", 64, 0, true]],
    );
  });

  it("returns the last bytes as code, like perf, when a load has padding", () => {
    const builder = new DumpBuilder();
    builder.record(0, 1n, () => {
      builder.u32(7, 7);
      builder.u64(16n, 16n, 2n, 1n);
      builder.text("f");
      builder.raw(Uint8Array.of(9, 9, 9, 1, 2));
    });
    const [load] = [...new JitDumpReader(builder.bytes)] as CodeLoad[];
    assertEquals([load.functionName, ...load.code], ["f", 1, 2]);
  });

  it("yields the written functions when this module has written the dump", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    using dump = new JitDumpFile(path);
    for (let i = 0; i < 100; i++) {
      dump.dumpFunction({
        name: `function ${i}`,
        code: new Uint8Array(1 + 37 * i).fill(i),
        lines: [{ offset: 0, line: i + 1, file: "/a" }],
        unwinding: [],
      });
    }
    const records = [...new JitDumpReader(Deno.readFileSync(path))];
    const loads = records.filter((record) => record instanceof CodeLoad);
    assertEquals(
      loads.map(({ functionName, codeAddr, codeIndex, timestamp, code }) => ({
        name: functionName,
        address: codeAddr,
        index: codeIndex,
        timestamp,
        code: code.slice(),
      })),
      readLoads(path).map(({ name, address, index, timestamp, code }) => ({
        ...{ name, address, index, timestamp, code },
      })),
    );
  });
});

describe("reading a dump of another writer", () => {
  it("yields functions with unwind info when CPython has written the dump", () => {
    const frame = new Uint8Array(44).fill(7);
    const hdr = Uint8Array.of(1, 0x1b, 3, 0x3b, ...new Uint8Array(16));
    const builder = new DumpBuilder();
    for (const [i, name] of ["py::f:/a.py", "py::g:/a.py"].entries()) {
      builder.record(4, BigInt(i), () => {
        builder.u64(64n, 20n, 64n);
        builder.raw(frame).raw(hdr);
        // The record's content is padded to a multiple of 8 bytes.
        builder.raw(new Uint8Array(8));
      });
      const code = new Uint8Array(32).fill(i + 1);
      builder.load({ name, code, index: BigInt(i), time: BigInt(i) });
    }
    const records = [...new JitDumpReader(builder.bytes)];
    assertEquals(records.map(({ id }) => id), [4, 0, 4, 0]);
    const tables = records[0] as UnwindingInfo;
    assertEquals([...tables.ehFrame], [...frame]);
    assertEquals([...tables.ehFrameHdr], [...hdr]);
    const fns = new FunctionBuilder();
    assertEquals(
      records.flatMap((record) => fns.add(record) ?? [])
        .map(({ name, unwindingSize }) => [name, unwindingSize]),
      [["py::f:/a.py", 64], ["py::g:/a.py", 64]],
    );
  });

  it("yields lines and split unwind info when LLVM has written the dump", () => {
    const hdr = Uint8Array.of(1, 0x1b, 3, 0x3b);
    const frame = Uint8Array.of(0x14, 0, 0, 0, 0, 0, 0, 0);
    const builder = new DumpBuilder(true, { flags: 0xdead_beefn })
      .debugInfo(0x1000n, [[0x1000n, 7, "/src/a.c"], [0x1008n, 8, ""]])
      .unwinding(Uint8Array.of(...hdr, ...frame), hdr.length)
      .load({ name: "llvm", address: 0x1000n, code: new Uint8Array(16) });
    const reader = new JitDumpReader(builder.bytes);
    const [info, tables] = [...reader] as [DebugInfo, UnwindingInfo];
    assertEquals(reader.header.flags, 0xdead_beefn);
    assertEquals(info.entries.map(({ line, file }) => [line, file]), [
      [7, "/src/a.c"],
      [8, ""],
    ]);
    // Split like in perf, although LLVM writes the header first.
    assertEquals([...tables.ehFrame.subarray(0, 4)], [...hdr]);
  });

  it("yields addresses of 32 bits when the machine has them", () => {
    const [EM_ARM, address] = [40, 0xffff_f000n];
    const builder = new DumpBuilder(true, { machine: EM_ARM })
      .load({ address, code: new Uint8Array(16) });
    const reader = new JitDumpReader(builder.bytes);
    const [load] = [...reader] as [CodeLoad];
    assertEquals([reader.header.elfMach, load.codeAddr], [EM_ARM, address]);
  });
});

describe("reading a dump that ends early", () => {
  it("reports the tail when it is truncated at any byte", async () => {
    const { bytes } = everything(true);
    const ends = [40, ...EVERYTHING.map((r) => r.offset + r.totalSize)];
    for (let size = 40; size < bytes.length; size++) {
      const part = bytes.subarray(0, size);
      const reader = new JitDumpReader(part);
      const whole = ends.filter((end) => end <= size);
      assertEquals([...reader].length, whole.length - 1);
      const expected = ends.includes(size) ? undefined : {
        offset: whole.at(-1)!,
        // An id of 0 consists of zeros.
        kind: part.subarray(whole.at(-1)).every((b) => b === 0)
          ? "zeros"
          : "cut",
      };
      assertEquals(reader.tail, expected as typeof reader.tail);
      if (size % 16) continue;
      assertEquals((await readStream(part, 10)).tail, reader.tail);
    }
  });

  it("reports zeros without reading them when it ends with them", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    const { bytes } = everything(true);
    Deno.writeFileSync(path, bytes);
    Deno.truncateSync(path, 2 ** 40);
    await using dump = await JitDumpStream.open(path);
    assertEquals((await Array.fromAsync(dump)).length, EVERYTHING.length);
    assertEquals(dump.tail, { offset: bytes.length, kind: "zeros" });
  });

  it("reports the tail when the header is larger than the file", () => {
    const { bytes } = new DumpBuilder(true, { totalSize: 100 });
    const reader = new JitDumpReader(bytes.subarray(0, 60));
    assertEquals([...reader], []);
    assertEquals(reader.tail, { offset: 60, kind: "cut" });
  });

  it("stops reading when a record is larger than the file", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    const builder = new DumpBuilder().load();
    builder.u32(9, 0xffff_fff0);
    Deno.writeFileSync(path, builder.bytes);
    Deno.truncateSync(path, 400 * 2 ** 20);
    const before = memoryInUse();
    await using dump = await JitDumpStream.open(path);
    assertEquals((await Array.fromAsync(dump)).length, 1);
    assertEquals(dump.tail, { offset: 40 + 59, kind: "cut" });
    assertLess(memoryInUse() - before, 50 * 2 ** 20);
  });

  it("throws when it has no complete header", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    for (const size of [0, 1, 39]) {
      const part = everything(true).bytes.subarray(0, size);
      const { offset, field } = assertThrows(
        () => new JitDumpReader(part),
        JitDumpFormatError,
        `the file has ${size} bytes`,
      );
      assertEquals([offset, field], [0, "magic"]);
      Deno.writeFileSync(path, part);
      for (const from of [path, streamOf(part, 5)]) {
        const message = await JitDumpStream.open(from)
          .then(() => "", (error) => error.message);
        assert(message.includes(`the file has ${size} bytes`), message);
      }
    }
  });
});

describe("reading a malformed dump", () => {
  const good = () => new DumpBuilder().load();
  /** A fault, a file with it, and the offset, record and field of the error. */
  const cases: [string, () => Uint8Array, number, string, string][] = [
    [
      "no magic number",
      () => new Uint8Array(100).fill(65),
      0,
      "file header",
      "magic",
    ],
    [
      "a record of 15 bytes",
      () => {
        const builder = good();
        builder.u32(4, 15);
        return builder.raw(new Uint8Array(20)).bytes;
      },
      40 + 59 + 4,
      "JIT_CODE_UNWINDING_INFO",
      "total_size",
    ],
    [
      "a record of 0 bytes",
      () => {
        const builder = good();
        builder.u32(5, 0);
        return builder.raw(new Uint8Array(20)).bytes;
      },
      40 + 59 + 4,
      "record of unknown id 5",
      "total_size",
    ],
    [
      "a load too short for its fields",
      () => good().record(0, 1n).bytes,
      40 + 59 + 4,
      "JIT_CODE_LOAD",
      "total_size",
    ],
    [
      "a load with more code than bytes",
      () => {
        const { bytes } = good();
        bytes[40 + 40] = 3;
        return bytes;
      },
      40 + 40,
      "JIT_CODE_LOAD",
      "code_size",
    ],
    [
      "a load with 2⁶³ bytes of code",
      () => {
        const { bytes } = good();
        bytes[40 + 47] = 0x80;
        return bytes;
      },
      40 + 40,
      "JIT_CODE_LOAD",
      "code_size",
    ],
    [
      "a name without a NUL",
      () => {
        const { bytes } = good();
        bytes[40 + 57] = 65;
        return bytes;
      },
      40 + 56,
      "JIT_CODE_LOAD",
      "name",
    ],
    [
      "a move too short for its fields",
      () => good().record(1, 1n).bytes,
      40 + 59 + 4,
      "JIT_CODE_MOVE",
      "total_size",
    ],
    [
      "more lines than its bytes hold",
      () => {
        const builder = new DumpBuilder().debugInfo(16n, [[16n, 1]]);
        const { bytes } = builder;
        bytes[40 + 24] = 2;
        return bytes;
      },
      40 + 24,
      "JIT_CODE_DEBUG_INFO",
      "nr_entry",
    ],
    [
      "2⁵⁶ lines",
      () => {
        const { bytes } = new DumpBuilder().debugInfo(16n, [[16n, 1]]);
        bytes[40 + 31] = 1;
        return bytes;
      },
      40 + 24,
      "JIT_CODE_DEBUG_INFO",
      "nr_entry",
    ],
    [
      "more unwind info than bytes",
      () => {
        const { bytes } = new DumpBuilder().unwinding(Uint8Array.of(1), 1);
        bytes[40 + 16] = 2;
        return bytes;
      },
      40 + 16,
      "JIT_CODE_UNWINDING_INFO",
      "unwinding_size",
    ],
    [
      "an .eh_frame_hdr larger than the unwind info",
      () => new DumpBuilder().unwinding(Uint8Array.of(1), 2).bytes,
      40 + 24,
      "JIT_CODE_UNWINDING_INFO",
      "eh_frame_hdr_size",
    ],
  ];
  for (const [fault, make, offset, record, field] of cases) {
    it(`throws with byte ${offset} and ${field} when it has ${fault}`, async () => {
      const bytes = make();
      const error = assertThrows(
        () => [...new JitDumpReader(bytes)],
        JitDumpFormatError,
        `${record} at byte ${offset}: ${field} `,
      );
      assertEquals(
        [error.offset, error.record, error.field, error.name],
        [offset, record, field, "JitDumpFormatError"],
      );
      const message = await readStream(bytes, 11)
        .then(() => "", (error) => error.message);
      assertEquals(message, error.message);
    });
  }

  it("allocates no more than was read when a record claims any size", async () => {
    const builder = new DumpBuilder();
    builder.u32(0, 0xffff_fff0);
    builder.raw(new Uint8Array(100));
    const before = memoryInUse();
    const { tail, records } = await readStream(builder.bytes, 20);
    assertEquals([records.length, tail?.kind], [0, "cut"]);
    assertLess(memoryInUse() - before, 100 * 2 ** 20);
  });
});

describe("following a dump", () => {
  it("yields records when they are written and when partial ones are repaired", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    const enough = new AbortController();
    const { bytes } = everything(true);
    Deno.writeFileSync(path, bytes.subarray(0, 20));
    const opened = JitDumpStream.open(path, { follow: enough.signal });
    await new Promise((resolve) => setTimeout(resolve, 80));
    Deno.writeFileSync(path, bytes.subarray(0, 130));
    await using dump = await opened;
    const records = dump[Symbol.asyncIterator]();
    const next = async () => (await records.next()).value?.toJSON();
    assertEquals(await next(), EVERYTHING[0]);
    const second = next();
    await new Promise((resolve) => setTimeout(resolve, 80));
    // The partial record is truncated, zeros are appended, and a record replaces them.
    Deno.truncateSync(path, 118);
    Deno.truncateSync(path, 5000);
    await new Promise((resolve) => setTimeout(resolve, 80));
    // A read at the same time may see a part of a write, so the size is written last.
    Deno.writeFileSync(path, bytes.slice().fill(0, 118, 126));
    using file = Deno.openSync(path, { write: true });
    file.seekSync(118, Deno.SeekMode.Start);
    file.writeSync(bytes.subarray(118, 126));
    assertEquals(await second, EVERYTHING[1]);
    for (const expected of EVERYTHING.slice(2)) {
      assertEquals(await next(), expected);
    }
    const last = next();
    enough.abort();
    assertEquals(await last, undefined);
    assertEquals(dump.tail, undefined);
  });

  it("yields every function when a writer is writing", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    using dump = new JitDumpFile(path);
    const enough = new AbortController();
    await using stream = await JitDumpStream.open(path, {
      follow: enough.signal,
    });
    let written = 0;
    const timer = setInterval(() => {
      for (let i = 0; i < 50; i++) {
        const code = new Uint8Array(1 + written % 5000);
        dump.dumpFunction({ name: `${written++}`, code });
      }
      if (written === 2000) clearInterval(timer);
    }, 2);
    let read = 0;
    for await (const record of stream) {
      if (!(record instanceof CodeLoad)) continue;
      assertEquals(record.functionName, `${read++}`);
      if (read === 2000) enough.abort();
    }
    assertEquals(read, 2000);
  });

  it("closes the file when the loop ends early", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    Deno.writeFileSync(path, everything(true).bytes);
    const dump = await JitDumpStream.open(path);
    assertEquals(descriptorsOn(path), 1);
    for await (const _ of dump) break;
    assertEquals(descriptorsOn(path), 0);
    await dump.close();
    const malformed = Deno.readFileSync(path);
    malformed[44] = 1;
    malformed[45] = 0;
    Deno.writeFileSync(path, malformed);
    const other = await JitDumpStream.open(path);
    const { name } = await Array.fromAsync(other)
      .then(() => ({ name: "" }), (error) => error);
    assertEquals(name, "JitDumpFormatError");
    assertEquals(descriptorsOn(path), 0);
  });
});

describe("an iterator over a dump", () => {
  it("yields each record once when all are requested at once", async () => {
    const { bytes } = everything(true);
    const expected = [...new JitDumpReader(bytes)].map(({ offset }) => offset);
    const dump = await JitDumpStream.open(streamOf(bytes, 7));
    const records = dump[Symbol.asyncIterator]();
    const results = await Promise.all(
      Array.from({ length: expected.length + 2 }, () => records.next()),
    );
    assertEquals(
      results.map(({ value }) => value?.offset),
      [...expected, undefined, undefined],
    );
  });

  it("ends when it has thrown", async () => {
    const { bytes } = everything(true);
    const size = 44;
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(size, 1, true);
    const dump = await JitDumpStream.open(streamOf(bytes, 7));
    const records = dump[Symbol.asyncIterator]();
    await assertRejects(() => records.next(), JitDumpFormatError);
    assertEquals(await records.next(), { value: undefined, done: true });
  });
});

describe("a large dump", () => {
  it("is read with little memory when it is a file", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    using dump = new JitDumpFile(path);
    const code = new Uint8Array(new ArrayBuffer(1000));
    dump.dumpFunctions(function* () {
      for (let i = 0; i < 300_000; i++) yield { name: "f", code };
    }());
    const before = memoryInUse();
    let count = 0;
    for await (const _ of await JitDumpStream.open(path)) count++;
    assertEquals(count, 300_000);
    assertGreater(Deno.statSync(path).size, 300 * 2 ** 20);
    assertLess(memoryInUse() - before, 150 * 2 ** 20);
  });
});
