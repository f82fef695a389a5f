import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertMatch,
} from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { JitDumpFile } from "../../mod.ts";
import { CodeLoad, DebugInfo, DumpRecord } from "../../src/reader/mod.ts";
import {
  CorruptRange,
  RecoveringReader,
} from "../../src/reader/recovering_reader.ts";
import { DumpBuilder } from "../support/build_dump.ts";
import { temporaryDirectory } from "../support/script.ts";
import { descriptorsOn } from "../support/open_files.ts";
import { Random } from "../support/random.ts";
import { cpuTime } from "../support/this_thread.ts";

/** Returns the time of the nth function: days after the system's start, in ns. */
const time = (number: number) => 10n ** 15n + BigInt(number) * 10n ** 9n;

/** Returns the records and the corrupt ranges of a file with these bytes. */
function recover(bytes: Uint8Array) {
  using directory = temporaryDirectory();
  const path = join(directory.path, "jit-7.dump");
  Deno.writeFileSync(path, bytes);
  const records: DumpRecord[] = [];
  const corrupt: CorruptRange[] = [];
  using dump = RecoveringReader.open(path);
  for (const item of dump) {
    if (item instanceof CorruptRange) corrupt.push(item);
    else records.push(item);
  }
  return { records, corrupt, tail: dump.tail };
}

const namesOf = (records: DumpRecord[]) =>
  records.flatMap((record) =>
    record instanceof CodeLoad ? [record.functionName] : []
  );

const load = (dump: DumpBuilder, number: number) =>
  dump.load({
    name: `f${number}`,
    address: BigInt(0x1000 * number),
    index: BigInt(number),
    time: time(number),
    code: new Uint8Array(100).fill(number),
  });

const unwinding = (dump: DumpBuilder, at: bigint) =>
  dump.record(4, at, () => {
    dump.u64(24n, 20n, 24n);
    dump.raw(new Uint8Array(24).fill(1));
  });

/** Returns a dump of four functions, in which the size of the third one's lines is wrong. */
function withWrongSize(littleEndian: boolean, error: number): Uint8Array {
  const dump = new DumpBuilder(littleEndian);
  load(dump, 1);
  load(dump, 2);
  const at = dump.size;
  dump.debugInfo(0x3000n, [
    [0x3000n, 1, "/one/file"],
    [0x3010n, 2, "/another/file"],
    [0x3020n, 3, "/one/file"],
  ], time(3));
  const size = dump.size - at;
  unwinding(dump, time(3));
  load(dump, 3);
  load(dump, 4);
  const { bytes } = dump;
  new DataView(bytes.buffer).setUint32(at + 4, size + error, littleEndian);
  return bytes;
}

describe("RecoveringReader", () => {
  for (const littleEndian of [true, false]) {
    for (const error of [-60, -9, -1, 1, 2, 7, 8, 9, 50, 64, 199, 2 ** 30]) {
      const order = littleEndian ? "little" : "big";
      it(`continues when the size of ${order}-endian lines is wrong by ${error}`, () => {
        const bytes = withWrongSize(littleEndian, error);
        const { records, corrupt } = recover(bytes);
        assertEquals(namesOf(records), ["f1", "f2", "f3", "f4"]);
        assertEquals(corrupt.length, 1);
      });
    }
  }

  it("keeps readable lines when their size is wrong", () => {
    const { records } = recover(withWrongSize(true, 9));
    const lines = records.flatMap((record) =>
      record instanceof DebugInfo ? record.entries.map(({ line }) => line) : []
    );
    assertEquals(lines, [1, 2, 3]);
  });

  for (const size of [1, 15, 100, 3_000_000]) {
    it(`reports a corrupt range when there are ${size} bytes of garbage`, () => {
      const dump = new DumpBuilder();
      load(dump, 1);
      const before = dump.bytes;
      const after = [2, 3, 4, 5].reduce(load, new DumpBuilder()).bytes
        .subarray(40);
      const bytes = new Uint8Array(before.length + size + after.length);
      bytes.fill(0xaa).set(before);
      bytes.set(after, before.length + size);
      const { records, corrupt } = recover(bytes);
      assertEquals(namesOf(records), ["f1", "f2", "f3", "f4", "f5"]);
      assertEquals(corrupt.map(({ end }) => end), [before.length + size]);
      assertMatch(corrupt[0].problem, new RegExp(`at byte ${before.length}`));
    });
  }

  it("reports a corrupt range without an end when no record follows", () => {
    const dump = load(load(new DumpBuilder(), 1), 2);
    const { size } = dump;
    dump.raw(new Uint8Array(300).fill(0xaa));
    dump.u32(0, 3);
    const { bytes } = dump;
    // A size of 8 is impossible, so the range is not mistaken for a truncated record.
    new DataView(bytes.buffer).setUint32(size + 4, 8, true);
    const { records, corrupt } = recover(bytes);
    assertEquals(namesOf(records), ["f1", "f2"]);
    assertEquals(corrupt.map(({ end }) => end), [undefined]);
  });

  it("reports a tail when the file ends within a record or with zeros", () => {
    const whole = load(load(new DumpBuilder(), 1), 2).bytes;
    for (const cut of [1, 100, 101, 150]) {
      const { records, corrupt, tail } = recover(whole.subarray(0, -cut));
      const complete = records.filter(({ isComplete }) => isComplete);
      assertEquals([namesOf(complete), corrupt], [["f1"], []], `${cut}`);
      // The name, the address and the size of the second one are before its code.
      const names = cut > 100 ? ["f1"] : ["f1", "f2"];
      assertEquals(namesOf(records), names, `${cut}`);
      assertEquals(tail?.kind, "cut");
    }
    const zeros = new Uint8Array(whole.length + 3_000_000);
    zeros.set(whole);
    const { corrupt, tail } = recover(zeros);
    assertEquals(corrupt, []);
    assertEquals(tail, { offset: whole.length, kind: "zeros" });
    // The result is the same if lines are the last complete record.
    const lines = new DumpBuilder().debugInfo(0x1000n, [[0x1000n, 1]], time(1));
    const end = load(lines, 1).bytes.subarray(0, -50);
    assertEquals((recover(end)).corrupt, []);
  });

  it("continues when there are zeros or a size beyond the file", () => {
    for (const [at, value] of [[0, 0], [4, 0x7fff_ffff]]) {
      const dump = load(new DumpBuilder(), 1);
      const { size } = dump;
      [2, 3, 4, 5].reduce(load, dump);
      const { bytes } = dump;
      if (at === 0) bytes.fill(0, size, size + 100);
      else new DataView(bytes.buffer).setUint32(size + at, value, true);
      const { records, corrupt } = recover(bytes);
      const complete = records.filter(({ isComplete }) => isComplete);
      assertEquals(namesOf(complete), ["f1", "f3", "f4", "f5"]);
      // Only the size of the second one is wrong.
      assertEquals(records.length, at === 0 ? 4 : 5);
      assertEquals(corrupt.length, 1);
    }
  });

  it("finds records after garbage when skipped records or other clocks are among them", () => {
    for (const timestamp of [time(2), 5n, 2n ** 63n]) {
      const dump = load(new DumpBuilder(), 1);
      // A timestamp from another writer's clock.
      dump.load({ name: "f2", index: 2n, time: timestamp });
      const { size } = dump;
      dump.raw(new Uint8Array(30).fill(0xaa));
      const end = dump.size;
      dump.record(0xffff_ffff, 0n, () => dump.raw(new Uint8Array(10)));
      [3, 4].reduce(load, dump);
      const { records, corrupt } = recover(dump.bytes);
      assertEquals(namesOf(records), ["f1", "f2", "f3", "f4"]);
      assertEquals(corrupt, [
        new CorruptRange(size, `no record begins at byte ${size}`, end),
      ]);
    }
  });

  it("continues when records have unknown ids, even consecutive ones", () => {
    const ids = [5, 77, 0x3150_4d54, 0xffff_fffe];
    const dump = new DumpBuilder();
    const unknown = (id: number, number: number) =>
      dump.record(id, time(number), () => dump.raw(new Uint8Array(24).fill(7)));
    for (const id of ids) unknown(id, 1);
    for (let number = 1; number <= 10; number++) {
      load(dump, number);
      for (const id of ids.slice(number % 4)) unknown(id, number);
    }
    // Only a header, without a time.
    dump.record(5, 0n);
    for (const bytes of [dump.bytes, load(dump, 11).bytes]) {
      const { records, corrupt, tail } = recover(bytes);
      assertEquals([corrupt, tail], [[], undefined]);
      assertEquals(records.filter(({ id }) => id !== 0).length, 4 + 25 + 1);
      assertEquals(namesOf(records).slice(0, 10), [
        ...Array.from({ length: 10 }, (_, i) => `f${i + 1}`),
      ]);
    }
  });

  it("finds complete records when they are inside a partial record", () => {
    const dump = load(new DumpBuilder(), 1);
    const start = dump.size;
    dump.load({
      name: "part",
      address: 0x90_0000n,
      code: new Uint8Array(4096).fill(0x90),
      index: 99n,
      time: time(1),
    });
    const rest = Array.from({ length: 60 }, (_, i) => i + 2);
    const whole = rest.reduce(load, new DumpBuilder()).bytes.subarray(40);
    const bytes = new Uint8Array(start + 180 + whole.length);
    bytes.set(dump.bytes.subarray(0, start + 180));
    bytes.set(whole, start + 180);
    const { records, corrupt } = recover(bytes);
    assertEquals(namesOf(records), [
      "f1",
      "part",
      ...rest.map((number) => `f${number}`),
    ]);
    assertEquals(
      records.filter(({ isComplete }) => !isComplete).map(({ offset }) =>
        offset
      ),
      [start],
    );
    assertEquals(corrupt.map(({ end }) => end), [start + 180]);
  });

  it("reads name, address and size when the file ends within a load", () => {
    const dump = load(new DumpBuilder(), 1);
    const { size } = dump;
    const { bytes } = load(dump, 2);
    const { records, corrupt, tail } = recover(bytes.subarray(0, size + 70));
    const last = records.at(-1) as CodeLoad;
    assertEquals(
      [last.functionName, last.codeAddr, last.codeSize, last.isComplete],
      ["f2", 0x2000n, 100, false],
    );
    assertEquals(last.code.length, 70 - 59);
    assertEquals([corrupt, tail], [[], { offset: size, kind: "cut" }]);
    // A load without its complete name is not returned.
    assertEquals(namesOf(recover(bytes.subarray(0, size + 58)).records), [
      "f1",
    ]);
  });

  it("reads a load when it has no code", () => {
    const dump = new DumpBuilder();
    for (let i = 1n; i <= 6n; i++) {
      dump.record(0, time(1), () => {
        dump.u32(7, 7);
        dump.u64(0x10000n * i, 0x10000n * i, 64n, 100n + i);
        dump.text(`block ${i}`);
      });
      load(dump, Number(i));
    }
    const { records, corrupt } = recover(dump.bytes);
    assertEquals([records.length, corrupt], [12, []]);
    assertEquals(records.every(({ isComplete }) => isComplete), true);
  });

  it("reads 40 bytes of header when its total_size is less", () => {
    const dump = new DumpBuilder(true, { totalSize: 8, version: 2 });
    assertEquals(namesOf(recover(load(dump, 1).bytes).records), ["f1"]);
  });

  it("finds records when the size of another one includes them", () => {
    // All have the same size, so the wrong size leads to a record as well.
    const dump = [1, 2, 3, 4, 5, 6].reduce(load, new DumpBuilder());
    const { bytes } = dump;
    const size = (bytes.length - 40) / 6;
    new DataView(bytes.buffer).setUint32(40 + size + 4, 3 * size, true);
    const { records } = recover(bytes);
    assertEquals(namesOf(records), ["f1", "f2", "f3", "f4", "f5", "f6"]);
  });

  for (
    const [fault, at, value] of [
      ["too small sizes", 4, 8],
      ["sizes that lead into the next record", 4, 172],
      ["sizes beyond the file", 4, 0x7fff_ffff],
      ["sizes of code that do not fit", 40, 0x1000],
    ] as const
  ) {
    it(`takes linear time when 100,000 of 200,000 records have ${fault}`, () => {
      using directory = temporaryDirectory();
      const path = join(directory.path, "jit-7.dump");
      const COUNT = 200_000;
      const header = new DumpBuilder().bytes;
      const record = load(new DumpBuilder(), 1).bytes.subarray(40);
      const bytes = new Uint8Array(header.length + COUNT * record.length);
      const view = new DataView(bytes.buffer);
      bytes.set(header);
      for (let i = 0; i < COUNT; i++) {
        const start = header.length + i * record.length;
        bytes.set(record, start);
        view.setBigUint64(start + 48, BigInt(i), true);
        if (i % 2 === 1) view.setUint32(start + at, value, true);
      }
      Deno.writeFileSync(path, bytes);
      const start = cpuTime();
      using dump = RecoveringReader.open(path);
      let [ranges, whole] = [0, 0];
      for (const item of dump) {
        if (item instanceof CorruptRange) ranges++;
        else if ((item as CodeLoad).codeIndex % 2n === 0n) whole++;
      }
      assertEquals(whole, COUNT / 2);
      assertGreater(ranges, COUNT / 2 - 2);
      assertLess(cpuTime() - start, 10_000);
    });
  }

  // Zeros and small numbers everywhere look like headers, sizes and times.
  const COUNT = 600;
  for (const codeLength of [0, 1, 32, 100]) {
    const starts: number[] = [];
    const dump = new DumpBuilder();
    for (let i = 0; i < COUNT; i++) {
      starts.push(dump.size);
      dump.load({
        name: `f${i}`,
        address: BigInt(0x1000 * (i + 1)),
        index: BigInt(i),
        time: BigInt(1 + 33 * i),
        code: new Uint8Array(codeLength),
      });
    }
    for (
      const [fault, field, wrong] of [
        ["code_size is 0x1000 too large", 40, (size) => size + 0x1000],
        ["code_size is 1 too large", 40, (size) => size + 1],
        ["code_size is 0", 40, () => 0],
        ["total_size is 1 too small", 4, (size) => size - 1],
        ["total_size is 1 too large", 4, (size) => size + 1],
        ["total_size is 64 too large", 4, (size) => size + 64],
        ["total_size is 0x1000 too large", 4, (size) => size + 0x1000],
        ["total_size is twice too large", 4, (size) => 2 * size],
        ["total_size is 2^31", 4, () => 2 ** 31],
        ["total_size is 0", 4, () => 0],
        ["the upper half of code_size is not 0", 44, () => 256],
      ] as readonly [string, number, (size: number) => number][]
    ) {
      it(`loses no complete record of small numbers and ${codeLength} zeros when every third ${fault}`, () => {
        const { bytes } = dump;
        const view = new DataView(bytes.buffer);
        for (let i = 2; i < COUNT; i += 3) {
          const at = starts[i] + field;
          view.setUint32(at, wrong(view.getUint32(at, true)), true);
        }
        const found = new Set(
          recover(bytes).records.map(({ offset }) => offset),
        );
        const lost = starts.filter((start, i) =>
          i % 3 < 2 && !found.has(start)
        );
        assertEquals(lost, []);
      });
    }
  }

  it("reports each load when the code sizes of all 300 are too large", () => {
    const dump = new DumpBuilder();
    for (let number = 1; number <= 300; number++) load(dump, number);
    const { bytes } = dump;
    const view = new DataView(bytes.buffer);
    for (let at = 40; at < bytes.length; at += view.getUint32(at + 4, true)) {
      view.setBigUint64(at + 40, 0x1000n, true);
    }
    const { records, corrupt } = recover(bytes);
    assertEquals([records.length, corrupt.length], [0, 300]);
  });

  it("reads code that contains a dump when its record is complete", () => {
    const inner = [7, 8, 9].reduce(load, new DumpBuilder()).bytes;
    const dump = load(new DumpBuilder(), 1);
    dump.load({ name: "outer", code: inner, time: time(2) });
    const { records, corrupt } = recover(load(dump, 3).bytes);
    assertEquals(namesOf(records), ["f1", "outer", "f3"]);
    assertEquals(corrupt, []);
  });

  it("finds records when a record that contains them has the wrong code_size", () => {
    const dump = load(load(new DumpBuilder(), 1), 2);
    const second = 40 + (dump.size - 40) / 2;
    const { size } = dump;
    const { bytes } = [3, 4, 5].reduce(load, dump);
    const view = new DataView(bytes.buffer);
    // The second record has the size of three, and its code does not fit even so.
    view.setUint32(second + 4, 3 * (size - second), true);
    view.setBigUint64(second + 40, 0x1000n, true);
    const { records } = recover(bytes);
    assertEquals(namesOf(records), ["f1", "f3", "f4", "f5"]);
  });

  it("takes linear time when 200,000 unknown records precede garbage", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "jit-7.dump");
    const record = new DumpBuilder().record(77, time(1)).bytes.subarray(40);
    const COUNT = 200_000;
    const bytes = new Uint8Array(40 + COUNT * record.length + 1000).fill(0xaa);
    bytes.set(new DumpBuilder().bytes);
    for (let i = 0; i < COUNT; i++) bytes.set(record, 40 + i * record.length);
    Deno.writeFileSync(path, bytes);
    const start = cpuTime();
    using dump = RecoveringReader.open(path);
    const records = [...dump].filter((item) => item instanceof DumpRecord);
    assertGreater(records.length, COUNT - 2);
    assertLess(cpuTime() - start, 10_000);
  });

  it("closes the file when it is disposed", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "jit-7.dump");
    for (const difference of [9, -9]) {
      Deno.writeFileSync(path, withWrongSize(true, difference));
      {
        using dump = RecoveringReader.open(path);
        assertGreater([...dump].length, 1);
      }
      assertEquals(descriptorsOn(path), 0);
    }
  });

  it("reads a pipe to its end when that is complete, truncated or corrupt", async () => {
    using directory = temporaryDirectory();
    const { size, bytes } = [1, 2, 3].reduce(load, new DumpBuilder());
    const garbage = new Uint8Array(size + 50).fill(0xaa);
    garbage.set(bytes);
    for (const piped of [bytes, bytes.subarray(0, -1), garbage]) {
      const file = join(directory.path, "some.dump");
      const pipe = join(directory.path, "pipe");
      Deno.writeFileSync(file, piped);
      const { success } = await new Deno.Command("mkfifo", { args: [pipe] })
        .output();
      assert(success);
      const writer = new Deno.Command("sh", {
        args: ["-c", 'cat "$0" > "$1"', file, pipe],
      }).spawn();
      const names: string[] = [];
      using dump = RecoveringReader.open(pipe);
      for (const item of dump) {
        if (item instanceof CodeLoad) names.push(item.functionName);
      }
      assertEquals(names.slice(0, 2), ["f1", "f2"]);
      assertEquals(dump.tail?.kind, piped === bytes ? undefined : "cut");
      assert((await writer.status).success);
      Deno.removeSync(pipe);
    }
  });

  it("finds the following records when the size of one leads into another", () => {
    // The size of the second one is 12 too large, so that the third one seems to begin
    // with its tid.
    const dump = load(load(new DumpBuilder(), 1), 2);
    const { size } = dump;
    [3, 4, 5, 6].reduce(load, dump);
    const { bytes } = dump;
    const second = 40 + (size - 40) / 2;
    const view = new DataView(bytes.buffer);
    view.setUint32(second + 4, (size - 40) / 2 + 12, true);
    const { records, corrupt } = recover(bytes);
    assertEquals(namesOf(records).slice(-3), ["f4", "f5", "f6"]);
    assert(corrupt.length > 0);
  });

  it("skips an unknown record by its size when it contains another record", () => {
    const inner = [7, 8, 9].reduce(load, new DumpBuilder()).bytes.subarray(40);
    const dump = load(new DumpBuilder(), 1);
    dump.record(4711, time(1), () => dump.raw(inner));
    const { records, corrupt } = recover(load(dump, 2).bytes);
    assertEquals(namesOf(records), ["f1", "f2"]);
    assertEquals(corrupt, []);
  });

  it("finds the records when the header's size is too large", () => {
    const { bytes } = [1, 2, 3].reduce(load, new DumpBuilder());
    new DataView(bytes.buffer).setUint32(8, 60, true);
    assertEquals(namesOf((recover(bytes)).records), ["f1", "f2", "f3"]);
  });

  it("finds no corrupt range when a dump is complete", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    {
      using dump = new JitDumpFile(path);
      dump.dumpFunctions(Array.from({ length: 1000 }, (_, i) => ({
        name: `f${i}`,
        code: new Uint8Array(1 + i),
        lines: i % 2 ? [{ offset: 0, line: i + 1, file: "/a" }] : [],
        unwinding: i % 3 ? [] : undefined,
      })));
      dump.dumpCodeCloseRecord();
    }
    const { records, corrupt } = recover(Deno.readFileSync(path));
    assertEquals(namesOf(records).length, 1000);
    assertEquals(corrupt, []);
  });

  it("finds most intact functions when random bytes of a dump are overwritten", () => {
    const whole = new DumpBuilder();
    for (let number = 1; number <= 40; number++) {
      whole.debugInfo(
        BigInt(0x1000 * number),
        [[BigInt(0x1000 * number), number]],
        time(number),
      );
      load(whole, number);
    }
    const { bytes } = whole;
    const random = new Random(1);
    let found = 0;
    const CASES = 300;
    for (let i = 0; i < CASES; i++) {
      const damaged = bytes.slice();
      const at = 40 + random.below(bytes.length - 40);
      damaged.fill(random.below(256), at, at + 1 + random.below(60));
      const { records } = recover(damaged);
      const names = namesOf(records);
      assertEquals(names.length, new Set(names).size, `case ${i}`);
      found += names.filter((name) => /^f\d+$/.test(name)).length;
    }
    // Each overwritten range loses one or two functions, and near the end of the file a few
    // more.
    assertGreater(found, CASES * 37);
  });
});
