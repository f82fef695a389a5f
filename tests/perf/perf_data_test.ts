import { assert, assertEquals, assertGreater } from "@std/assert";
import { describe } from "@std/testing/bdd";
import {
  Comm,
  Mmap2,
  PerfDataReader,
  type PerfRecord,
  Sample,
} from "../../src/perf_data/mod.ts";
import { runOrThrow } from "../support/perf.ts";
import { quote } from "../support/quote.ts";
import { temporaryDirectory } from "../support/script.ts";
import { itWithPerf } from "../support/with_perf.ts";

/** A program of several concurrent processes, exec, libraries, and loops. */
const PROGRAM = `
  spin() { i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; }
  spin & spin & ls / > /dev/null; spin; wait
`;

const shell = (command: string) => runOrThrow(["sh", "-c", command]);

/** Returns the shell command that records the program. */
const record = (options: string, output: string, more = "") =>
  `perf record -k mono --no-bpf-event ${options} -o ${output} ${more} -- sh -c ${
    quote(PROGRAM)
  }`;

/** A record as `perf report -D` prints it, without its bytes. */
interface DumpedRecord {
  readonly name: string;
  readonly time: bigint;
  /** The rest of the first line after the name. */
  readonly rest: string;
  /** Addresses of the call chain. */
  readonly chain: bigint[];
  readonly registers: bigint[];
}

/** Returns the records of a recording as perf reads them. */
async function dumpWithPerf(path: string): Promise<DumpedRecord[]> {
  // Only the records' fields are compared, not their bytes and symbols.
  const { stdout } = await shell(
    `perf report -D -i ${path} 2> /dev/null | grep -E '^[-0-9].*PERF_RECORD|^\\.{4,}'`,
  );
  const records: DumpedRecord[] = [];
  for (const line of stdout.split("\n")) {
    const first = /^(?:\S+ )?(\S+) \w+ \[0x\w+\]: (PERF_RECORD_\w+)(.*)$/
      .exec(line);
    const chain = /^\.{4,} +\d+: ([0-9a-f]{16})(?: \(PERF_CONTEXT_\w+\))?$/
      .exec(line);
    const register = /^\.{4} \w+ +0x([0-9a-f]{16})$/.exec(line);
    const last = records.at(-1);
    if (first) {
      const [, time, name, rest] = first;
      records.push({
        ...{ name, rest, time: BigInt(time) },
        ...{ chain: [], registers: [] },
      });
    } else if (chain) last!.chain.push(BigInt(`0x${chain[1]}`));
    else if (register) last!.registers.push(BigInt(`0x${register[1]}`));
  }
  return records;
}

async function readAll(
  path: string,
): Promise<{ records: PerfRecord[]; reader: PerfDataReader }> {
  const reader = await PerfDataReader.open(path);
  const records: PerfRecord[] = [];
  for await (const batch of reader.batches()) records.push(...batch);
  return { records, reader };
}

/** Returns how often each name occurs. */
function count(names: string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names.toSorted()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** Formats a sample like perf does in its first line. */
const describeSample = ({ misc, pid, tid, ip, period, addr }: Sample) =>
  `(IP, 0x${misc.toString(16)}): ${pid}/${tid}: 0x${
    ip.toString(16)
  } period: ${period} addr: ${addr === 0n ? "0" : `0x${addr.toString(16)}`}`;

const letters = (protection: number, flags: number) =>
  ["r", "w", "x"].map((letter, bit) => protection >> bit & 1 ? letter : "-")
    .join("") + (flags & 1 ? "s" : "p");

const hex = (value: number | bigint, digits = 0) =>
  value.toString(16).padStart(digits, "0");

/** Formats a mapping like perf, without the generation of its inode. */
function describeMapping(mmap: Mmap2): string {
  const { pid, tid, start, length, pageOffset, file, filename } = mmap;
  const { major, minor, inode } = file!;
  const { protection, flags } = mmap;
  return ` ${pid}/${tid}: [0x${hex(start)}(0x${hex(length)}) @ ${
    pageOffset === 0n ? "0" : `0x${hex(pageOffset)}`
  } ${hex(major, 2)}:${hex(minor, 2)} ${inode}]: ${
    letters(protection, flags)
  } ${filename}`;
}

/** Compares the records that perf and the reader find; returns the reader's. */
async function compare(path: string): Promise<PerfRecord[]> {
  const expected = await dumpWithPerf(path);
  const { records, reader } = await readAll(path);
  assertEquals(
    count(records.map(({ typeName }) => typeName)),
    count(expected.map(({ name }) => name)),
  );
  assertEquals(reader.misplaced, 0);
  assertEquals(reader.tails, []);
  assertEquals(reader.malformedFeatures, []);

  const samples = records.filter((record) => record instanceof Sample);
  const dumped = expected.filter(({ name }) => name === "PERF_RECORD_SAMPLE");
  assertGreater(samples.length, 50);
  for (const [index, sample] of samples.entries()) {
    const { time, rest, chain, registers } = dumped[index];
    assertEquals(
      [sample.timestamp, describeSample(sample)],
      [time, rest.replace(/addr: 0x0$/, "addr: 0")],
    );
    assertEquals([...sample.callchain ?? []], chain);
    assertEquals([...sample.userRegisters?.values ?? []], registers);
  }

  const mappings = records.filter((record) => record instanceof Mmap2);
  assertEquals(
    mappings.filter(({ file }) => file).map(describeMapping),
    expected.filter(({ name, rest }) =>
      name === "PERF_RECORD_MMAP2" && !rest.includes("<")
    ).map(({ rest }) => rest.replace(/ \d+\]: /, "]: ")),
  );

  const comms = records.filter((record) => record instanceof Comm);
  assertEquals(
    comms.map(({ isExec, comm, pid, tid }) =>
      `${isExec ? " exec" : ""}: ${comm}:${pid}/${tid}`
    ),
    expected.filter(({ name }) => name === "PERF_RECORD_COMM")
      .map(({ rest }) => rest),
  );
  return records;
}

describe("PerfDataReader and perf report -D", () => {
  const cases: [string, string][] = [
    ["BPF programs", "-e cpu-clock --bpf-event"],
    ["frame pointers", "-e cpu-clock -g"],
    ["stacks", "-e cpu-clock --call-graph dwarf,1024"],
    ["compressed records", "-e cpu-clock -g -z"],
    ["several events", "-e dummy -e cpu-clock -e task-clock"],
    ["addresses and data mappings", "-e cpu-clock -d --phys-data --namespaces"],
    ["build-ids in mappings", "-e cpu-clock --buildid-mmap"],
    ["switches", "-e cpu-clock --switch-events"],
  ];
  for (const [content, options] of cases) {
    itWithPerf(`find the same records when there are ${content}`, async () => {
      using directory = temporaryDirectory();
      const path = `${directory.path}/perf.data`;
      await shell(record(options, path));
      await compare(path);
    });
  }

  itWithPerf("find the same records when a recording is a pipe", async () => {
    using directory = temporaryDirectory();
    const path = `${directory.path}/perf.data`;
    await shell(`${record("-e cpu-clock -g", "-")} > ${path}`);
    await compare(path);
  });

  itWithPerf(
    "find the same records when a recording is a directory",
    async () => {
      using directory = temporaryDirectory();
      const path = `${directory.path}/perf.data`;
      await shell(record("-e cpu-clock -g -z", path, "--threads"));
      await compare(path);
    },
  );

  itWithPerf("find equal counts of records when perf was killed", async () => {
    using directory = temporaryDirectory();
    const path = `${directory.path}/perf.data`;
    // perf (6.1) writes when its ring buffer of one page is half full, long before the end.
    const perf = record("-e cpu-clock -F 10000 -m 1", path)
      .replaceAll("30000", "10000000");
    await shell(
      `setsid ${perf} > /dev/null 2>&1 & ` +
        `while kill -0 $! && [ "$(stat -c %s ${path} || echo 0)" -lt 20000 ]; ` +
        `do sleep 0.01; done; kill -9 -$!`,
    );
    const { records, reader } = await readAll(path);
    assert(reader.header.isUnfinished);
    // perf 6.1 and 7.2 mistake the records for feature sections, so complete the header.
    const file = Deno.readFileSync(path);
    const view = new DataView(file.buffer);
    const [dataOffset, dataSize, flags] = [40, 48, 72];
    const size = BigInt(file.length) - view.getBigUint64(dataOffset, true);
    view.setBigUint64(dataSize, size, true);
    view.setBigUint64(flags, 0n, true);
    Deno.writeFileSync(path, file);
    const expected = await dumpWithPerf(path);
    assertGreater(expected.length, 100);
    assertEquals(
      count(records.map(({ typeName }) => typeName)),
      count(expected.map(({ name }) => name)),
    );
  });

  itWithPerf(
    "find user stacks of the requested size when these are recorded",
    async () => {
      using directory = temporaryDirectory();
      const path = `${directory.path}/perf.data`;
      await shell(record("-e cpu-clock --call-graph dwarf,1024", path));
      const { records, reader } = await readAll(path);
      const [{ attr }] = reader.events.all;
      assertEquals(attr.sampleStackUser, 1024);
      const stacks = records
        .filter((record) => record instanceof Sample)
        .map(({ userStack, cpuMode }) => ({ userStack, cpuMode }));
      assert(stacks.some(({ userStack }) => userStack?.length === 1024));
      assert(stacks.every(({ userStack }) => userStack!.length <= 1024));
    },
  );

  itWithPerf(
    "find the same machine, command and events when the header is read",
    async () => {
      using directory = temporaryDirectory();
      const path = `${directory.path}/perf.data`;
      await shell(record("-e cpu-clock -e task-clock", path));
      const { stdout } = await shell(
        `perf report --header-only -i ${path} 2> /dev/null`,
      );
      const { reader: { features, events } } = await readAll(path);
      const field = (name: string) =>
        new RegExp(`^# ${name} : (.*)$`, "m").exec(stdout)?.[1];
      assertEquals(
        [
          features.hostname,
          features.osRelease,
          features.version,
          features.arch,
        ],
        ["hostname", "os release", "perf version", "arch"].map(field),
      );
      assertEquals(
        [`${features.cpus!.online}`, `${features.cpus!.available}`],
        [field("nrcpus online"), field("nrcpus avail")],
      );
      assertEquals(features.cpuDescription, field("cpudesc"));
      // perf 7.2 records no arguments.
      const [command] = features.commandLine!.join(" ").split("\n");
      assertEquals(command.trimEnd(), field("cmdline")?.trimEnd());
      const names = stdout.matchAll(/^# event : name = (\S+?),/gm);
      assertEquals(
        events.all.map(({ name }) => name),
        Array.from(names, ([, name]) => name),
      );
      // perf 7.2 records build-ids in mappings instead.
      const buildIds = features.buildIds ?? [];
      assertEquals(buildIds.length > 0, !stdout.includes("build_id = 1"));
      assert(buildIds.every(({ buildId }) => buildId.length > 0));
      assert(events.all.every(({ attr }) => attr.useClockid));
      assert(events.all.every(({ attr }) => attr.clockid === 1));
    },
  );
});
