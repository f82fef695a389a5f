import { assertEquals, assertGreater, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import {
  JitDumpError,
  JitDumpFile,
  type JitFunction,
  PerfMapFile,
} from "../mod.ts";
import { recordCommand, reportCommand, runOrThrow } from "./support/perf.ts";
import {
  LIBC,
  MOD,
  runScript,
  scriptCommand,
  temporaryDirectory,
  writesOfThisThread,
} from "./support/script.ts";
import { itWithPerf } from "./support/with_perf.ts";
import { descriptorsOn } from "./support/open_files.ts";

const DEMO = new URL("demo/", import.meta.url).href;

const code = new Uint8Array(new ArrayBuffer(0x1f));

describe("PerfMapFile", () => {
  it("writes one line in one write when it dumps a function", () => {
    using directory = temporaryDirectory();
    using map = PerfMapFile.forProcess(directory.path);
    assertEquals(map.path, join(directory.path, `perf-${Deno.pid}.map`));
    assertEquals(Deno.statSync(map.path).mode! & 0o7777, 0o600);
    const before = writesOfThisThread();
    map.dumpFunction({ name: "fib", code, address: 0x7f00_1234_5678n });
    map.dumpFunction({ name: "a name", code: code.subarray(1), address: 1 });
    map.dumpFunction({ name: "größe\n2", code, address: 2n ** 64n - 0x1fn });
    map.dumpFunction({ name: "", code, address: 16 });
    map.dumpFunction({ name: "own", code });
    assertEquals(writesOfThisThread() - before, 5);
    const own = Deno.UnsafePointer.value(Deno.UnsafePointer.of(code));
    assertEquals(
      Deno.readTextFileSync(map.path),
      `7f0012345678 1f fib
1 1e a name
ffffffffffffffe1 1f größe\\n2
10 1f <anonymous>
${own.toString(16)} 1f own
`,
    );
  });

  it("is supported when JitDumpFile is supported", () => {
    assertEquals(PerfMapFile.isSupported(), JitDumpFile.isSupported());
  });

  it("pads a name when it is too short for perf", () => {
    using directory = temporaryDirectory();
    using map = PerfMapFile.forProcess(directory.path);
    for (const name of ["f", "fg", "fgh"]) {
      map.dumpFunction({ name, code, address: 16 });
    }
    assertEquals(
      Deno.readTextFileSync(map.path),
      "10 1f f  \n10 1f fg \n10 1f fgh\n",
    );
  });

  it("writes the same lines in fewer writes when dumpFunctions() is called", () => {
    using directory = temporaryDirectory();
    using singly = new PerfMapFile(join(directory.path, "a.map"));
    using whole = new PerfMapFile(join(directory.path, "b.map"));
    const fns = Array.from(
      { length: 50_000 },
      (_, i): JitFunction => ({ name: `function ${i}`, code, address: 1 + i }),
    );
    fns.forEach((fn) => singly.dumpFunction(fn));
    const before = writesOfThisThread();
    whole.dumpFunctions(fns);
    const writes = writesOfThisThread() - before;
    const text = Deno.readTextFileSync(whole.path);
    assertEquals(text, Deno.readTextFileSync(singly.path));
    assertEquals(writes, Math.ceil(text.length / (256 * 1024)));
  });

  it("appends when the perf map exists", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.map");
    for (const name of ["one", "two"]) {
      using map = new PerfMapFile(path);
      map.dumpFunction({ name, code, address: 16 });
    }
    assertEquals(Deno.readTextFileSync(path), "10 1f one\n10 1f two\n");
  });

  it("throws and keeps the file when it is not a perf map", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.map");
    for (const text of ["some text\n", "1000 fib\n", "0x10 0x10 fib\n"]) {
      Deno.writeTextFileSync(path, text);
      assertThrows(
        () => new PerfMapFile(path),
        Deno.errors.InvalidData,
        "not a perf map",
      );
      assertEquals(Deno.readTextFileSync(path), text);
    }
    const link = join(directory.path, "link.map");
    Deno.symlinkSync(path, link);
    assertThrows(() => new PerfMapFile(link), JitDumpError, "symbolic link");
  });

  it("throws before it writes when it gets no function or no array", () => {
    using directory = temporaryDirectory();
    using map = PerfMapFile.forProcess(directory.path);
    const fn = null as unknown as JitFunction;
    const fns = 5 as unknown as JitFunction[];
    assertThrows(() => map.dumpFunction(fn), TypeError, '"fn"');
    assertThrows(() => map.dumpFunctions([fn]), TypeError, '"fn"');
    assertThrows(() => map.dumpFunctions(fns), TypeError, '"fns"');
    assertEquals(Deno.statSync(map.path).size, 0);
  });

  it("writes nothing when it gets an empty array", () => {
    using directory = temporaryDirectory();
    using map = PerfMapFile.forProcess(directory.path);
    map.dumpFunctions([]);
    assertEquals(Deno.statSync(map.path).size, 0);
  });

  it("throws BadResource when it is used after closing", () => {
    using directory = temporaryDirectory();
    const map = PerfMapFile.forProcess(directory.path);
    map.close();
    map.close();
    assertEquals(descriptorsOn(map.path), 0);
    const calls = [
      () => map.dumpFunction({ name: "fib", code }),
      () => map.dumpFunctions([]),
      () => map.fd,
    ];
    for (const call of calls) {
      assertThrows(call, Deno.errors.BadResource, "is closed");
    }
  });

  for (
    const [name, flags, outcome] of [
      [
        "writes functions when it has both scoped permissions",
        ["ffi", "write"],
        "done",
      ],
      [
        "throws NotCapable and creates no file when FFI is not granted",
        ["write"],
        "--allow-ffi=",
      ],
      [
        "throws NotCapable and creates no file when writing is not granted",
        ["ffi"],
        "--allow-write=",
      ],
    ] as [string, ("ffi" | "write")[], string][]
  ) {
    it(name, async () => {
      using directory = temporaryDirectory();
      const maps = join(directory.path, "maps");
      Deno.mkdirSync(maps);
      const { stdout, stderr } = await runScript(
        directory.path,
        `import { PerfMapFile } from "${MOD}";
         try {
           using map = PerfMapFile.forProcess("${maps}");
           map.dumpFunctions([{ name: "fib", code: new Uint8Array(9) }]);
           console.log("done");
         } catch (error) {
           console.log(error.constructor.name, error.message.match(/--allow-.*=/)[0]);
         }`,
        flags.map((flag) => `--allow-${flag}=${flag === "ffi" ? LIBC : maps}`),
      );
      assertEquals(stderr, "");
      assertEquals(
        stdout.trim(),
        outcome === "done" ? outcome : `NotCapable ${outcome}`,
      );
      assertEquals(
        [...Deno.readDirSync(maps)].length,
        outcome === "done" ? 1 : 0,
      );
    });
  }
});

describe("a perf report with a perf map", () => {
  /** Runs two loops that `dump` describes in a perf map; returns perf's symbols. */
  async function symbols(dump: string): Promise<Map<string, number>> {
    using directory = temporaryDirectory();
    const data = join(directory.path, "perf.data");
    const { stdout: path } = await runOrThrow(recordCommand(
      data,
      scriptCommand(
        directory.path,
        `import { PerfMapFile } from "${MOD}";
         import { compile } from "${DEMO}compile.ts";
         import { makeExecutable } from "${DEMO}executable_memory.ts";
         const { code: loop } = compile(
           "fn spin(n) { while n > 0 { n = n - 1; } return n; }",
           Deno.build.arch,
         );
         const memory = makeExecutable(new Uint8Array([...loop, ...loop]));
         const first = memory.subarray(0, loop.length);
         const second = memory.subarray(loop.length);
         const map = PerfMapFile.forProcess();
         addEventListener("unload", () => map.close());
         ${dump}
         for (const code of [first, second]) {
           new Deno.UnsafeFnPointer(
             Deno.UnsafePointer.of(code),
             { parameters: ["i64"], result: "i64" },
           ).call(100_000_000n);
         }
         console.log(map.path);`,
        ["--allow-all"],
      ),
    ));
    const { stdout } = await runOrThrow(
      reportCommand(data, "sample,symbol", "--quiet", "-t", ";"),
    );
    Deno.removeSync(path.trim());
    return new Map(
      [...stdout.matchAll(/^ *(\d+) *;\[\.\] (.*)$/gm)]
        .map(([, samples, symbol]) => [symbol, Number(samples)]),
    );
  }

  itWithPerf("has the functions' names when some are short", async () => {
    const found = await symbols(`
      map.dumpFunction({ name: "f", code: first });
      map.dumpFunction({ name: "a größe", code: second });
    `);
    assertGreater(found.get("f  ") ?? found.get("f")!, 50);
    assertGreater(found.get("a größe")!, 50);
  });

  itWithPerf(
    "has one of the names when lines contradict each other",
    async () => {
      const found = await symbols(`
      map.dumpFunction({ name: "earlier", code: first });
      map.dumpFunction({ name: "later", code: first });
      map.dumpFunction({ name: "other", code: second });
    `);
      const names = ["earlier", "later"].filter((name) => found.has(name));
      assertEquals(names.length, 1);
      assertGreater(found.get(names[0])!, 50);
      assertGreater(found.get("other")!, 50);
    },
  );
});
