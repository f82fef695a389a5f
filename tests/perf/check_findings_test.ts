import { assert, assertEquals } from "@std/assert";
import { dirname, join } from "@std/path";
import { describe } from "@std/testing/bdd";
import { HOST_MACHINE } from "../../src/format/machine.ts";
import { checkDump } from "../../src/reader/mod.ts";
import { DumpBuilder, type Entry } from "../support/build_dump.ts";
import {
  type Injection,
  otherNames,
  PerfReplay,
} from "../support/perf_replay.ts";
import { itUnless } from "../support/it_unless.ts";
import { installedPerfs, type Perf } from "../support/perfs.ts";
import { isInstalled } from "../support/perf.ts";
import { itWithPerf } from "../support/with_perf.ts";

const ALL = ["6.1", "6.12", "7.2"];
const PERFS = (await isInstalled("perf") ? await installedPerfs() : [])
  .filter(({ version }) => ALL.includes(version));

/** A dump with one fault, or with something that only looks like a fault. */
interface Case {
  readonly name: string;
  /** Rule of the expected finding; undefined if no finding is expected. */
  readonly rule?: string;
  /** Rule of a second expected finding. */
  readonly also?: string;
  /** Versions of perf that drop or misread something; all others must not. */
  readonly versions: readonly string[];
  readonly dump: (fixture: Fixture) => Uint8Array;
  /** Indicates whether perf drops or misreads something. */
  readonly isWrong: (
    seen: Seen,
    fixture: Fixture,
  ) => boolean | Promise<boolean>;
  /** Returns the name of the mapped file; defaults to that of the recorded dump. */
  readonly file?: (replay: PerfReplay) => string;
}

/** The outcome of injecting a dump, and the perf that injected it. */
interface Seen extends Injection {
  readonly replay: PerfReplay;
  readonly perf: Perf;
}

type Load = Required<
  Pick<
    Parameters<DumpBuilder["load"]>[0] & object,
    "name" | "address" | "code" | "index" | "time" | "pid" | "tid"
  >
>;

/** The recorded functions, and helpers to describe them in a dump. */
interface Fixture {
  readonly replay: PerfReplay;
  readonly one: Load;
  readonly two: Load;
  readonly three: Load;
  /** Returns a builder of a dump of the recorded process. */
  begin(fields?: ConstructorParameters<typeof DumpBuilder>[1]): DumpBuilder;
  /** Returns line entries, by offsets from the start of the first function. */
  lines(...lines: [offset: number, line: number, file?: string][]): Entry[];
}

function fixtureOf(replay: PerfReplay): Fixture {
  const { pid, time, functions } = replay;
  const [one, two, three] = functions.map(({ name, address, code }, i) => (
    { name, address, code, index: BigInt(i), time, pid, tid: pid }
  ));
  return {
    replay,
    ...{ one, two, three },
    begin: (fields = {}) =>
      new DumpBuilder(true, { pid, machine: HOST_MACHINE, ...fields }),
    lines: (...lines) =>
      lines.map(([offset, line, file]) => [
        one.address + BigInt(offset),
        line,
        file ?? "/a.c",
      ]),
  };
}

/** Indicates whether perf succeeds but shows no sample under any of the names. */
const loses = (...names: string[]) => ({ samples, outcome }: Injection) =>
  outcome.success && names.every((name) => !samples.has(name));

/** Indicates whether perf crashes or exceeds its time limit. */
const crashes = ({ outcome: { code } }: Injection) => code >= 128;

/** Indicates whether any of the functions "one", "two" and "three" has no sample. */
const losesAny = ({ samples }: Injection) =>
  !["one", "two", "three"].every((name) => samples.has(name));

const fails = ({ outcome }: Injection) => !outcome.success;

/** Indicates whether no sample of the first function has this source line. */
const hidesLine = (line: string) => async ({ replay, perf }: Seen) =>
  !(await replay.sourceLines(perf, "one")).has(line);

/** Indicates whether a sample of the first function has another source line. */
const showsOther = (line: string) => async ({ replay, perf }: Seen) =>
  (await replay.sourceLines(perf, "one")).symmetricDifference(new Set([line]))
    .size > 0;

const addAll = ({ one, two, three }: Fixture, dump: DumpBuilder) =>
  dump.load(one).load(two).load(three);

/** Writes a JIT_CODE_LOAD with `fields` between its thread id and its name. */
function rawLoad(
  dump: DumpBuilder,
  { time, pid, name, code }: Load,
  fields: bigint[],
  hasCode: boolean,
): DumpBuilder {
  return dump.record(0, time, () => {
    dump.u32(pid, pid);
    dump.u64(...fields);
    dump.text(name);
    if (hasCode) dump.raw(code);
  });
}

function changed(
  bytes: Uint8Array<ArrayBuffer>,
  change: (view: DataView) => void,
): Uint8Array {
  change(new DataView(bytes.buffer));
  return bytes;
}

const CASES: Case[] = [
  {
    name: "no fault",
    versions: [],
    dump: (fixture) => addAll(fixture, fixture.begin()).bytes,
    isWrong: losesAny,
  },
  {
    name: "the name jit-<tid>-<pid>.dump",
    rule: "file name",
    versions: ALL,
    dump: (fixture) => addAll(fixture, fixture.begin()).bytes,
    isWrong: loses("one", "two", "three"),
    file: ({ pid }) => otherNames(pid)[0],
  },
  {
    name: "the pid of another process in its name",
    rule: "file pid",
    versions: ["6.1", "6.12"],
    dump: (fixture) => addAll(fixture, fixture.begin()).bytes,
    isWrong: loses("one", "two", "three"),
    file: ({ pid }) => otherNames(pid)[1],
  },
  {
    name: "version 2",
    rule: "version",
    versions: ALL,
    dump: (fixture) => addAll(fixture, fixture.begin({ version: 2 })).bytes,
    isWrong: fails,
  },
  {
    name: "version 0",
    versions: [],
    dump: (fixture) => addAll(fixture, fixture.begin({ version: 0 })).bytes,
    isWrong: losesAny,
  },
  {
    name: "an unknown flag",
    rule: "flags",
    versions: ALL,
    dump: (fixture) =>
      addAll(fixture, fixture.begin({ flags: 1n << 40n })).bytes,
    isWrong: fails,
  },
  {
    name: "the flag for processor timestamps, with nanoseconds",
    rule: "processor timestamps",
    versions: ALL,
    dump: (fixture) => addAll(fixture, fixture.begin({ flags: 1n })).bytes,
    // perf rejects the dump if the recording has no clock conversion.
    isWrong: ({ samples }) => !samples.has("one"),
  },
  {
    name: "a header that claims 8 bytes",
    rule: "header size",
    versions: [],
    dump: (fixture) =>
      changed(
        addAll(fixture, fixture.begin()).bytes,
        (view) => view.setUint32(8, 8, true),
      ),
    isWrong: losesAny,
  },
  {
    name: "a header that claims 48 bytes and has 40",
    rule: "header size",
    versions: [],
    dump: (fixture) =>
      changed(
        addAll(fixture, fixture.begin()).bytes,
        (view) => view.setUint32(8, 48, true),
      ),
    isWrong: losesAny,
  },
  ...[48, 80, 100].map((totalSize): Case => ({
    name: `a header of ${totalSize} bytes`,
    rule: "header size",
    versions: ALL,
    dump: (fixture) => addAll(fixture, fixture.begin({ totalSize })).bytes,
    isWrong: totalSize > 80 ? fails : loses("one", "two", "three"),
  })),
  {
    name: "ELF machine 0",
    rule: "ELF machine",
    versions: [],
    dump: (fixture) => addAll(fixture, fixture.begin({ machine: 0 })).bytes,
    isWrong: losesAny,
  },
  {
    name: "the ELF machine of another processor",
    rule: "ELF machine",
    versions: ALL,
    dump: (fixture) => addAll(fixture, fixture.begin({ machine: 20 })).bytes,
    isWrong: ({ images }) => {
      const image = Deno.readFileSync(images.get(0)!);
      return new DataView(image.buffer).getUint16(18, true) !== 20;
    },
  },
  {
    name: "an uninitialized pad1",
    versions: [],
    dump: (fixture) =>
      addAll(fixture, fixture.begin({ pad: 0xdead_beef })).bytes,
    isWrong: losesAny,
  },
  {
    name: "vma 0",
    versions: [],
    dump: ({ begin, one, two, three }) => {
      const dump = begin();
      for (const fn of [one, two, three]) {
        const size = BigInt(fn.code.length);
        rawLoad(dump, fn, [0n, fn.address, size, fn.index], true);
      }
      return dump.bytes;
    },
    isWrong: losesAny,
  },
  {
    name: "a close record of 16 bytes at the end",
    versions: [],
    dump: (fixture) =>
      addAll(fixture, fixture.begin()).record(3, fixture.one.time).bytes,
    isWrong: losesAny,
  },
  {
    name: "a close record of 16 bytes before other records",
    rule: "header-only record",
    versions: ALL,
    dump: ({ begin, one, two, three }) =>
      begin().load(one).record(3, one.time).load(two).load(three).bytes,
    isWrong: loses("two", "three"),
  },
  {
    name: "an unknown record of 16 bytes before other records",
    rule: "header-only record",
    versions: ALL,
    dump: ({ begin, one, two, three }) =>
      begin().load(one).record(5, one.time).load(two).load(three).bytes,
    isWrong: loses("two", "three"),
  },
  {
    name: "unknown records",
    versions: [],
    dump: ({ begin, one, two, three }) => {
      const dump = begin();
      for (const fn of [one, two, three]) {
        dump.record(5, fn.time, () => dump.raw(new Uint8Array(20)));
        dump.load(fn);
      }
      return dump.bytes;
    },
    isWrong: losesAny,
  },
  {
    name: "a function without code bytes",
    rule: "no code bytes",
    versions: ALL,
    dump: ({ begin, one, two, three }) => {
      const size = BigInt(two.code.length);
      return rawLoad(
        begin().load(one),
        two,
        [two.address, two.address, size, two.index],
        false,
      ).load(three).bytes;
    },
    isWrong: ({ samples, images }, { two }) => {
      assert(samples.has("two"));
      const image = Deno.readFileSync(images.get(1)!);
      const text = image.subarray(0x80, 0x80 + two.code.length);
      return String(text) !== String(two.code);
    },
  },
  {
    name: "code_size 0",
    rule: "code size",
    versions: ["6.1"],
    // perf 6.1 hides another function at the same address, or loops forever, depending
    // on the shape of its tree of mappings. Ten empty functions at each address hid no other
    // function in one of 20 recordings; a hundred hid at least one in each of 80.
    dump: ({ begin, one, two, three }) => {
      const dump = begin().load(one).load(two).load(three);
      for (let i = 0; i < 300; i++) {
        const load = [one, two, three][i % 3];
        const index = BigInt(3 + i);
        dump.load({ ...load, name: "none", index, code: new Uint8Array() });
      }
      return dump.bytes;
    },
    isWrong: (seen) => crashes(seen) || losesAny(seen),
  },
  {
    name: "an additional 8-byte field",
    rule: "shifted fields",
    versions: ALL,
    dump: ({ begin, one, two, three }) => {
      const size = BigInt(two.code.length);
      return rawLoad(
        begin().load(one),
        two,
        [0n, two.address, two.address, size, two.index],
        true,
      ).load(three).bytes;
    },
    // perf 7.2 crashes for some sizes.
    isWrong: ({ samples }) => !samples.has("two"),
  },
  {
    name: "a missing 8-byte field",
    rule: "shifted fields",
    versions: ALL,
    dump: ({ begin, one, two, three }) => {
      const size = BigInt(two.code.length);
      return rawLoad(
        begin().load(one),
        two,
        [two.address, size, two.index],
        true,
      ).load(three).bytes;
    },
    isWrong: loses("two"),
  },
  {
    name: "two functions with one code index",
    rule: "code index",
    versions: ALL,
    dump: ({ begin, one, two, three }) =>
      begin().load(one).load({ ...two, index: one.index }).load(three).bytes,
    isWrong: loses("one"),
  },
  {
    name: "two functions with equal code",
    versions: [],
    dump: (fixture) => addAll(fixture, fixture.begin()).bytes,
    isWrong: losesAny,
  },
  {
    name: "timestamp 0",
    rule: "timestamp",
    versions: ALL,
    dump: ({ begin, one, two, three }) =>
      begin().load(one).load({ ...two, time: 0n }).load(three).bytes,
    isWrong: loses("two"),
  },
  {
    name: "a timestamp of the wall clock",
    rule: "timestamp",
    versions: ALL,
    dump: ({ begin, one, two, three }) =>
      begin().load(one).load({ ...two, time: 1_795_597_471_182_532_000n })
        .load(three).bytes,
    isWrong: loses("two"),
  },
  {
    name: "timestamps that go backwards",
    versions: [],
    dump: ({ begin, one, two, three }) =>
      begin().load({ ...one, time: one.time + 100n })
        .load({ ...two, time: one.time + 50n }).load(three).bytes,
    isWrong: losesAny,
  },
  {
    name: "an incomplete last record",
    rule: "partial record",
    versions: ALL,
    dump: (fixture) => addAll(fixture, fixture.begin()).bytes.slice(0, -1),
    isWrong: loses("three"),
  },
  {
    name: "a partial record",
    rule: "partial record",
    versions: ALL,
    dump: ({ begin, one, two, three }) => {
      const dump = begin().load(one);
      const part = begin().load({
        ...one,
        index: 9n,
        code: new Uint8Array(999),
      });
      dump.raw(part.bytes.slice(40, 140));
      return dump.load(two).load(three).bytes;
    },
    isWrong: loses("two"),
  },
  {
    name: "zeros at the end",
    versions: [],
    dump: (fixture) =>
      addAll(fixture, fixture.begin()).raw(new Uint8Array(4096)).bytes,
    isWrong: losesAny,
  },
  {
    name: "a total_size of 15",
    rule: "malformed record",
    versions: ALL,
    dump: ({ begin, one, two, three }) => {
      const dump = begin().load(one);
      dump.u32(0, 15);
      return dump.raw(new Uint8Array(100)).load(two).load(three).bytes;
    },
    isWrong: loses("two", "three"),
  },
  {
    name: "a line count that is too large",
    rule: "malformed record",
    versions: ALL,
    dump: ({ begin, one, two, three, lines }) => {
      const dump = begin().debugInfo(one.address, lines([0, 1], [200, 1]));
      const { bytes } = dump.load(one).load(two).load(three);
      return changed(
        bytes,
        (view) => view.setBigUint64(40 + 24, 1n << 20n, true),
      );
    },
    isWrong: crashes,
  },
  {
    name: "a function that moves",
    rule: "move",
    versions: ["7.2"],
    dump: ({ begin, one, two, three }) =>
      begin().load(one).load(three)
        .load({ ...one, name: "mover", address: 0x1000n, index: 7n })
        .move(0x1000n, two.address, one.code.length, 7n, one.time, one.pid)
        .bytes,
    isWrong: (seen) => crashes(seen) || !seen.samples.has("mover"),
  },
  {
    name: "a move of an unknown function",
    rule: "move",
    also: "move without function",
    versions: ALL,
    dump: ({ begin, one, two }) =>
      begin().load(one).load(two)
        .move(0x1000n, two.address, two.code.length, 9n, two.time, two.pid)
        .bytes,
    isWrong: ({ samples }) => !samples.has("two"),
  },
  {
    name: "a function of another process",
    rule: "record pid",
    versions: ["6.1", "6.12"],
    dump: ({ begin, one, two, three }) =>
      begin().load(one).load({ ...two, pid: 99, tid: 99 }).load(three).bytes,
    isWrong: loses("two"),
  },
  {
    name: "functions that overlap",
    rule: "overlap",
    versions: ALL,
    dump: ({ begin, one, two, three }) =>
      begin().load(one).load(two).load(three)
        .load({ ...two, name: "lap", index: 9n, address: two.address + 8n })
        .bytes,
    isWrong: ({ samples }) =>
      (samples.get("lap") ?? 0) > (samples.get("two") ?? 0),
  },
  {
    name: "unwind info over the start of another function",
    rule: "unwind space",
    versions: ALL,
    dump: ({ begin, one, two, three }) =>
      begin().load(two).load(three)
        .unwinding(new Uint8Array(20).fill(1, 0, 1), 20, 0x1100).load(one)
        .bytes,
    isWrong: loses("two"),
  },
  {
    name: "lines that begin before the code",
    versions: [],
    dump: ({ begin, one, lines }) =>
      begin().debugInfo(
        one.address,
        lines([-48, 1], [8, 2], [one.code.length, 2]),
      ).load(one).bytes,
    isWrong: hidesLine("a.c:2"),
  },
  {
    name: "lines that continue after the code",
    versions: [],
    dump: ({ begin, one, lines }) =>
      begin().debugInfo(
        one.address,
        lines([0, 1], [8, 2], [one.code.length + 1, 2], [900, 3]),
      ).load(one).bytes,
    isWrong: hidesLine("a.c:2"),
  },
  {
    name: "lines that are not in order",
    versions: [],
    dump: ({ begin, one, lines }) =>
      begin().debugInfo(
        one.address,
        lines([0, 1], [one.code.length - 1, 3], [8, 2], [one.code.length, 3]),
      ).load(one).bytes,
    isWrong: hidesLine("a.c:2"),
  },
  {
    name: "no lines",
    versions: [],
    dump: (fixture) =>
      addAll(fixture, fixture.begin().debugInfo(fixture.one.address, [])).bytes,
    isWrong: losesAny,
  },
  {
    name: "lines before the code only",
    rule: "lines outside the code",
    versions: ALL,
    dump: ({ begin, one, lines }) =>
      begin().debugInfo(one.address, lines([-48, 2], [-20, 2])).load(one).bytes,
    isWrong: hidesLine("a.c:2"),
  },
  {
    name: "one line entry",
    rule: "lines outside the code",
    versions: ALL,
    dump: ({ begin, one, lines }) =>
      begin().debugInfo(one.address, lines([0, 2])).load(one).bytes,
    isWrong: hidesLine("a.c:2"),
  },
  {
    name: "a last line entry before the end of the code",
    rule: "last line",
    versions: ALL,
    dump: ({ begin, one, lines }) =>
      begin().debugInfo(one.address, lines([0, 1], [4, 2])).load(one).bytes,
    isWrong: hidesLine("a.c:2"),
  },
  {
    name: "lines that are 0x40 late",
    rule: "late lines",
    versions: ALL,
    dump: ({ begin, one, lines }) =>
      begin().debugInfo(
        one.address,
        lines([0x40, 1], [0x48, 2], [0x40 + one.code.length, 2]),
      ).load(one).bytes,
    isWrong: showsOther("a.c:2"),
  },
  {
    name: "two records of lines for one function",
    rule: "lines without function",
    versions: ALL,
    dump: ({ begin, one, lines }) => {
      const { length } = one.code;
      return begin().debugInfo(one.address, lines([0, 1], [length, 1]))
        .debugInfo(one.address, lines([0, 2], [length, 2])).load(one).bytes;
    },
    isWrong: hidesLine("a.c:1"),
  },
  {
    name: "lines after their function",
    rule: "lines without function",
    versions: ALL,
    dump: ({ begin, one, lines }) =>
      begin().load(one)
        .debugInfo(one.address, lines([0, 1], [one.code.length, 1])).bytes,
    isWrong: hidesLine("a.c:1"),
  },
  {
    name: "the lines of two functions before both",
    rule: "order of records",
    versions: ALL,
    dump: ({ begin, one, two, lines }) =>
      begin().debugInfo(one.address, lines([0, 1], [one.code.length, 1]))
        .load(two).load(one).bytes,
    isWrong: hidesLine("a.c:1"),
  },
  {
    name: "file names that begin with freed memory",
    rule: "freed memory",
    versions: ALL,
    dump: ({ begin, one, lines }) => {
      const dump = begin();
      const entries = lines([0, 1], [4, 2], [one.code.length, 2]);
      const file = new TextEncoder().encode("/home/me/project/work.js\0");
      file.set([0xee, 0x74, 1, 0, 0, 0, 0, 0, 0xbf, 0x20, 0x5c, 0xa9]);
      return dump.record(2, one.time, () => {
        dump.u64(one.address, BigInt(entries.length));
        for (const [address, line] of entries) {
          dump.u64(address);
          dump.u32(line, 0);
          dump.raw(file);
        }
      }).load(one).bytes;
    },
    isWrong: hidesLine("work.js:2"),
  },
  {
    name: "the file name 0xff, which repeats the previous file",
    rule: "same file",
    versions: ["6.1"],
    dump: ({ begin, one, lines }) => {
      const dump = begin();
      const entries = lines([0, 1], [4, 2], [one.code.length, 2]);
      return dump.record(2, one.time, () => {
        dump.u64(one.address, BigInt(entries.length));
        for (const [i, [address, line]] of entries.entries()) {
          dump.u64(address);
          dump.u32(line, 0);
          if (i === 0) dump.text("/a.c");
          else dump.raw(Uint8Array.of(0xff, 0));
        }
      }).load(one).bytes;
    },
    isWrong: hidesLine("a.c:2"),
  },
];

/** Indicates whether perf finds no caller of "spin". */
const losesCallers = async ({ replay, perf }: Seen) =>
  !(await replay.chains(perf)).some(([first, second]) =>
    first === "spin" && second === "main"
  );

/** Returns a function that builds a dump; `write` adds each function's unwind info. */
const chain = (
  write: (
    dump: DumpBuilder,
    fn: { unwinding: Uint8Array; hdrSize: number },
  ) => unknown,
) =>
({ replay, begin }: Fixture) => {
  const dump = begin();
  const { pid, time } = replay;
  for (const [i, fn] of replay.functions.entries()) {
    write(dump, fn);
    dump.load({ ...fn, index: BigInt(i), time, pid, tid: pid });
  }
  return dump.bytes;
};

const CHAIN_CASES: Case[] = [
  {
    name: "valid unwind info",
    versions: [],
    dump: chain((dump, { unwinding, hdrSize }) =>
      dump.unwinding(unwinding, hdrSize)
    ),
    isWrong: losesCallers,
  },
  {
    name: ".eh_frame_hdr before .eh_frame",
    rule: "order of unwind info",
    versions: ALL,
    dump: chain((dump, { unwinding, hdrSize }) => {
      const swapped = new Uint8Array(unwinding.length);
      swapped.set(unwinding.slice(-hdrSize));
      swapped.set(unwinding.slice(0, -hdrSize), hdrSize);
      dump.unwinding(swapped, hdrSize);
    }),
    isWrong: losesCallers,
  },
  {
    name: "another version of .eh_frame_hdr",
    rule: ".eh_frame_hdr",
    versions: ["7.2"],
    dump: chain((dump, { unwinding, hdrSize }) => {
      const other = unwinding.slice();
      other[other.length - hdrSize] = 9;
      dump.unwinding(other, hdrSize);
    }),
    isWrong: losesCallers,
  },
  {
    name: "a mapped_size of 0",
    rule: "mapped size",
    versions: ["6.1", "6.12"],
    dump: chain((dump, { unwinding, hdrSize }) =>
      dump.unwinding(unwinding, hdrSize, 0)
    ),
    isWrong: losesCallers,
  },
  {
    name: "a mapped_size that is 8 bytes too small",
    rule: "mapped size",
    versions: ["6.1", "6.12"],
    dump: chain((dump, { unwinding, hdrSize }) =>
      dump.unwinding(unwinding, hdrSize, unwinding.length - 8)
    ),
    isWrong: losesCallers,
  },
  {
    name: "no .eh_frame_hdr",
    rule: "no .eh_frame_hdr",
    versions: ALL,
    dump: ({ replay, begin }) => {
      const { pid, time, functions: [first, second] } = replay;
      const load = { time, pid, tid: pid };
      return begin().unwinding(first.unwinding, 0)
        .load({ ...first, ...load, index: 0n })
        .load({ ...second, ...load, index: 1n }).bytes;
    },
    isWrong: ({ images }) => hasUnwindInfo(images.get(1)!),
  },
  {
    name: "a function in the space of another one's unwind info",
    rule: "unwind space",
    versions: ["6.1", "6.12"],
    dump: ({ replay, begin }) => {
      const { pid, time, functions } = replay;
      const [spin, main] = functions;
      const load = { time, pid, tid: pid };
      const address = spin.address + BigInt(spin.code.length + 24);
      const code = new Uint8Array(64);
      return begin().unwinding(spin.unwinding, spin.hdrSize)
        .load({ ...spin, ...load, index: 0n })
        .unwinding(main.unwinding, main.hdrSize)
        .load({ ...main, ...load, index: 1n })
        .load({ ...load, name: "late", address, index: 2n, code }).bytes;
    },
    isWrong: losesCallers,
  },
];

/** Indicates whether an ELF file has a nonempty `.eh_frame`. */
function hasUnwindInfo(image: string): boolean {
  const bytes = Deno.readFileSync(image);
  const view = new DataView(bytes.buffer);
  const at = Number(view.getBigUint64(40, true));
  const count = view.getUint16(60, true);
  const names = at + 64 * view.getUint16(62, true);
  const namesAt = Number(view.getBigUint64(names + 24, true));
  return Array.from({ length: count }, (_, i) => at + 64 * i).some(
    (section) => {
      const name = namesAt + view.getUint32(section, true);
      const text = new TextDecoder().decode(bytes.subarray(name, name + 10));
      return text === ".eh_frame\0" &&
        view.getBigUint64(section + 32, true) > 0n;
    },
  );
}

/** Checks the findings of a case, their versions, and the behavior of each perf. */
async function verify(
  fixture: Fixture,
  { file, ...example }: Case,
): Promise<void> {
  const { replay } = fixture;
  const bytes = example.dump(fixture);
  const path = file ? join(dirname(replay.dump), file(replay)) : replay.dump;
  Deno.writeFileSync(path, bytes);
  const found = await Array.fromAsync(checkDump(path));
  assertEquals(
    [...new Set(found.map(({ rule }) => rule))],
    [example.rule, example.also].filter((rule) => rule !== undefined),
  );
  const named = new Set(found.flatMap(({ holdsFor }) => holdsFor));
  named.delete("other readers");
  assertEquals(
    [...named].sort(),
    example.versions.map((version) => `perf ${version}`),
  );
  for (const perf of PERFS) {
    const injection = await replay.inject(perf, bytes, path);
    const isWrong = await example.isWrong(
      { ...injection, replay, perf },
      fixture,
    );
    assertEquals(
      isWrong,
      example.versions.includes(perf.version),
      `perf ${perf.version}: ${injection.outcome.stderr} ${
        JSON.stringify(
          [...injection.samples].filter(([name]) => name.length < 6),
        )
      }`,
    );
  }
}

/** Records on the first call, and keeps the recording until the tests end. */
function lazily(record: () => Promise<PerfReplay>): () => Promise<Fixture> {
  let fixture: Promise<Fixture> | undefined;
  return () =>
    fixture ??= record().then((replay) => {
      addEventListener("unload", () => replay[Symbol.dispose]());
      return fixtureOf(replay);
    });
}

function itFinds(
  example: Case,
  recording: () => Promise<Fixture>,
): void {
  const { name } = example;
  const versions = example.versions.join(", ");
  itWithPerf(
    example.rule === undefined
      ? `finds nothing, and perf shows everything, when a dump has ${name}`
      : versions === ""
      ? `reports a fault that perf ignores when a dump has ${name}`
      : `reports a fault for perf ${versions} when a dump has ${name}`,
    async () => await verify(await recording(), example),
  );
}

// Missing versions are reported as ignored tests.
describe("the versions of perf that findings name", () => {
  for (const version of ALL) {
    itUnless(
      PERFS.some((perf) => perf.version === version)
        ? undefined
        : `perf ${version} is neither perf, nor in JITDUMP_PERFS, nor perf-… in the path`,
      `include an installed perf ${version} when all tests run`,
      () => {},
    );
  }
});

describe("checkDump(), compared with every installed perf", () => {
  const loops = lazily(() => PerfReplay.ofLoops());
  for (const example of CASES) itFinds(example, loops);
});

describe("checkDump() of unwind info, compared with every installed perf", () => {
  const inTmp = lazily(() => PerfReplay.ofChain("/tmp"));
  for (const example of CHAIN_CASES) itFinds(example, inTmp);
  const elsewhere = lazily(() => PerfReplay.ofChain());
  const [valid] = CHAIN_CASES;
  const rule = "unwind info outside /tmp";
  itFinds(
    { ...valid, name: "unwind info outside /tmp", rule, versions: ["7.2"] },
    elsewhere,
  );
});
