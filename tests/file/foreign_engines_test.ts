import {
  assertEquals,
  assertGreater,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { join } from "@std/path";
import fs from "node:fs";
import { describe, it } from "@std/testing/bdd";
import { JitDumpFile, PerfMapFile } from "../../mod.ts";
import { parseDump, readLoads } from "../support/parse_dump.ts";
import {
  type CommandLine,
  injectCommand,
  recordCommand,
  runOrThrow,
} from "../support/perf.ts";
import {
  enoughFlags,
  MOD,
  runScript,
  scriptCommand,
  temporaryDirectory,
} from "../support/script.ts";
import { itWithPerf } from "../support/with_perf.ts";

const DEMO = new URL("../demo/", import.meta.url).href;

const code = new Uint8Array(new ArrayBuffer(16));

/** Returns a script that opens the dump or perf map of its process and prints the outcome. */
const OPEN = (kind: string, directory: string) => `
  import { JitDumpError, JitDumpFile, PerfMapFile } from "${MOD}";
  try {
    using file = ${kind}.forProcess("${directory}");
    file.dumpFunction({ name: "ours", code: new Uint8Array(16) });
    console.log("open", Deno.pid);
  } catch (error) {
    console.log(error.constructor.name + ": " + error.message);
  }
`;

describe("an engine that writes without append mode", () => {
  for (
    const [kind, flag] of [
      ["JitDumpFile", "--perf-prof"],
      ["PerfMapFile", "--perf-basic-prof"],
    ]
  ) {
    it(`is detected when V8 uses the directory of a ${kind} with ${flag}`, async () => {
      using directory = temporaryDirectory();
      const flags = (path: string) => [
        `--v8-flags=${flag},${flag}-path=${path},--no-logfile-per-isolate,--logfile=${directory.path}/v8.log`,
        ...enoughFlags(directory.path),
      ];
      const source = OPEN(kind, directory.path);
      const same = await runScript(
        directory.path,
        source,
        flags(directory.path),
      );
      assertEquals(same.stderr, "");
      assertStringIncludes(same.stdout, "Busy: Cannot append to ");
      assertStringIncludes(same.stdout, `${flag}-path=<directory>`);
      const other = join(directory.path, "v8");
      Deno.mkdirSync(other);
      const apart = await runScript(directory.path, source, flags(other));
      assertEquals(apart.stderr, "");
      assertMatch(apart.stdout, /^open \d+\n$/);
    });
  }

  it("keeps its file unchanged when a dump or perf map opens it", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    using engine = Deno.openSync(path, { write: true, create: true });
    engine.writeSync(new TextEncoder().encode("its own"));
    for (const open of [JitDumpFile, PerfMapFile]) {
      assertThrows(
        () => new open(path),
        Deno.errors.Busy,
        `Cannot append to "${path}"`,
      );
      assertEquals(Deno.readTextFileSync(path), "its own");
    }
  });

  it("is detected when its descriptor has other status flags", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    const { O_CREAT, O_NONBLOCK, O_WRONLY } = fs.constants;
    const fd = fs.openSync(path, O_WRONLY | O_CREAT | O_NONBLOCK);
    assertThrows(() => new JitDumpFile(path), Deno.errors.Busy);
    fs.closeSync(fd);
    new JitDumpFile(path).close();
  });

  it("is ignored when its descriptor is read-only or of another file", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    new JitDumpFile(path).close();
    using _reader = Deno.openSync(path);
    using _other = Deno.openSync(join(directory.path, "other.dump"), {
      write: true,
      create: true,
    });
    new JitDumpFile(path).close();
  });

  it("is detected when its descriptor is the 700th", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    const others = Array.from(
      { length: 700 },
      () => Deno.openSync("/dev/null"),
    );
    using _engine = Deno.openSync(path, { write: true, create: true });
    // The dump's descriptor is far below the engine's.
    others.forEach((file) => file.close());
    assertThrows(() => new JitDumpFile(path), Deno.errors.Busy);
  });
});

describe("an engine that appends", () => {
  /** Returns a header of a foreign engine, whose timestamp is from another clock. */
  const foreignHeader = (pid: number) => {
    const header = new Uint8Array(40);
    const view = new DataView(header.buffer);
    const machine = { x86_64: 62, aarch64: 183 }[Deno.build.arch];
    [0x4A695444, 1, 40, machine, 0, pid].forEach((word, i) =>
      view.setUint32(4 * i, word, true)
    );
    view.setBigUint64(24, BigInt(Date.now()) * 1000n, true);
    return header;
  };
  const record = new Uint8Array(24);
  new DataView(record.buffer).setUint32(0, 3, true);
  new DataView(record.buffer).setUint32(4, 24, true);

  it("shares the dump when it has created it", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, `jit-${Deno.pid}.dump`);
    const engine = Deno.openSync(path, { append: true, create: true });
    engine.writeSync(foreignHeader(Deno.pid));
    engine.writeSync(record);
    const dump = new JitDumpFile(path);
    dump.dumpFunction({ name: "ours", code });
    engine.writeSync(record);
    dump.dumpFunction({ name: "ours too", code });
    assertEquals(
      parseDump(Deno.readFileSync(path)).records.map(({ id }) => id),
      [3, 0, 3, 0],
    );
    // The header identifies this process now, so closing every writer changes nothing.
    dump.close();
    engine.close();
    using again = new JitDumpFile(path);
    again.dumpFunction({ name: "ours later", code });
    assertEquals(readLoads(path).map(({ name }) => name), [
      "ours",
      "ours too",
      "ours later",
    ]);
    assertEquals([...Deno.readDirSync(directory.path)].length, 1);
  });

  it("shares the dump when it opens it second", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, `jit-${Deno.pid}.dump`);
    using dump = new JitDumpFile(path);
    dump.dumpFunction({ name: "ours", code });
    using engine = Deno.openSync(path, { append: true });
    engine.writeSync(record);
    dump.dumpFunction({ name: "ours too", code });
    assertEquals(
      parseDump(Deno.readFileSync(path)).records.map(({ id }) => id),
      [0, 3, 0],
    );
    assertEquals(readLoads(path).map(({ name }) => name), ["ours", "ours too"]);
  });
});

/**
 * Returns a script that warms up, then runs JavaScript, then jitted code. The script prints
 * the time before, between and after both parts, and the jitted functions' names.
 */
const BOTH = (directory: string) => `
  import { JitDumpFile } from "${MOD}";
  import { compile } from "${DEMO}compile.ts";
  import { makeExecutable } from "${DEMO}executable_memory.ts";
  using dump = JitDumpFile.forProcess("${directory}");
  const program = compile(Deno.readTextFileSync(new URL("${DEMO}program.calc")), Deno.build.arch);
  const memory = makeExecutable(program.code);
  for (const { name, start, end } of program.functions) {
    dump.dumpFunction({ name, code: memory.subarray(start, end) });
  }
  const entry = program.functions.find(({ name }) => name === "main");
  const main = new Deno.UnsafeFnPointer(
    Deno.UnsafePointer.of(memory.subarray(entry.start)),
    { parameters: ["i64"], result: "i64" },
  );
  function hotJavaScript(n) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum = (sum * 31 + i) % 65521;
    return sum;
  }
  // Long enough for V8 to compile it in another thread, on a busy machine too.
  const start = dump.getTimeStamp();
  for (let i = 0; i < 500 || dump.getTimeStamp() - start < 1_000_000_000n; i++) {
    hotJavaScript(100_000);
  }
  const times = [dump.getTimeStamp()];
  for (let i = 0; i < 100; i++) hotJavaScript(1_000_000);
  times.push(dump.getTimeStamp());
  main.call(250n);
  times.push(dump.getTimeStamp());
  console.log(times.join(" "), program.functions.map(({ name }) => name).join(" "));
`;

describe("perf script", () => {
  itWithPerf(
    "names JavaScript and jitted functions when V8 writes a dump as well",
    async () => {
      using directory = temporaryDirectory();
      const ours = join(directory.path, "ours");
      const v8 = join(directory.path, "v8");
      Deno.mkdirSync(ours);
      Deno.mkdirSync(v8);
      const [data, injected] = ["perf.data", "perf.jit.data"].map((name) =>
        join(directory.path, name)
      );
      const program = scriptCommand(directory.path, BOTH(ours), [
        `--v8-flags=--perf-prof,--perf-prof-path=${v8},--no-logfile-per-isolate,--logfile=${directory.path}/v8.log`,
        "--allow-ffi",
        "--allow-read",
        `--allow-write=${directory.path}`,
      ]);
      // Coverage adds counters to V8's code (V8 15).
      const command: CommandLine = [
        "env",
        ...["-u", "DENO_COVERAGE_DIR"],
        ...program,
      ];
      const { stdout } = await runOrThrow(recordCommand(data, command));
      const [start, middle, end, ...names] = stdout.trim().split(" ");
      await runOrThrow(injectCommand(data, injected));
      const script = await runOrThrow([
        "perf",
        "script",
        ...["-i", injected],
        ...["-G", "--ns", "-F", "time,ip,sym"],
      ]);
      const samples = script.stdout.trim().split("\n").map((line) => {
        const [, time, symbol] = line.match(/^\s*([\d.]+):\s*[0-9a-f]+ (.*)$/)!;
        return { time: BigInt(time.replace(".", "")), symbol };
      });
      const shareOf = (
        from: string,
        to: string,
        isNamed: (symbol: string) => boolean,
      ) => {
        const during = samples.filter(({ time }) =>
          BigInt(from) <= time && time < BigInt(to)
        );
        assertGreater(during.length, 100);
        return during.filter(({ symbol }) => isNamed(symbol)).length /
          during.length;
      };
      const isJavaScript = (symbol: string) =>
        /^JS:.*hotJavaScript/.test(symbol);
      const isJitted = (symbol: string) => names.includes(symbol);
      assertGreater(shareOf(start, middle, isJavaScript), 0.8);
      assertEquals(shareOf(start, middle, isJitted), 0);
      assertGreater(shareOf(middle, end, isJitted), 0.8);
      assertEquals(shareOf(middle, end, isJavaScript), 0);
    },
  );
});
