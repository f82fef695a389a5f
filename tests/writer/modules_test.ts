import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { EM_X86_64, JitDumpFile, type JitFunction } from "../../mod.ts";
import {
  type ParsedFunction,
  parseDump,
  readFunctions,
  readLoads,
} from "../support/parse_dump.ts";
import {
  enoughFlags,
  MOD,
  runScript,
  temporaryDirectory,
  writesOfThisThread,
} from "../support/script.ts";

const KIB = 1024;

/** Creates a function; its parts, sizes and names depend on `i`. */
const makeFunction = (i: number): JitFunction => ({
  name: `function ${i} größe`.slice(0, 9 + i % 13),
  code: new Uint8Array(1 + i * 37 % 500).fill(i),
  address: 0x1000 + 4096 * i,
  timestamp: BigInt(i),
  ...(i % 2 ? { lines: [{ offset: 0, line: i, file: `/f${i % 7}` }] } : {}),
  ...(i % 3 === 0 ? { unwinding: [] } : {}),
});

function* makeFunctions(count: number): Generator<JitFunction> {
  for (let i = 0; i < count; i++) yield makeFunction(i);
}

/** Checks that the records are those of `makeFunction(i)`. */
function assertIsFunction(found: ParsedFunction, i: number) {
  const { name, code, lines, unwinding } = makeFunction(i);
  assertEquals([found.name, found.code], [name, code], `${i}`);
  assertEquals(found.debugInfo?.entries[0].line, lines?.[0].line);
  assertEquals(found.unwindingInfo !== undefined, unwinding !== undefined);
}

/** Returns the bytes of a dump without timestamps and code indices. */
function comparable(path: string): Uint8Array {
  const bytes = Deno.readFileSync(path);
  bytes.fill(0, 24, 32);
  for (const { id, body } of parseDump(bytes).records) {
    if (id === 0) {
      new Uint8Array(body.buffer).fill(
        0,
        body.byteOffset + 48,
        body.byteOffset + 56,
      );
    }
  }
  return bytes;
}

describe("dumpFunctions()", () => {
  it("writes the same records as single calls in fewer writes when it gets a module", () => {
    using directory = temporaryDirectory();
    const COUNT = 20_000;
    using single = new JitDumpFile(join(directory.path, "a.dump"), EM_X86_64);
    const singleIndices = [];
    for (const fn of makeFunctions(COUNT)) {
      singleIndices.push(single.dumpFunction(fn));
    }
    using whole = new JitDumpFile(join(directory.path, "b.dump"), EM_X86_64);
    const before = writesOfThisThread();
    const indices = whole.dumpFunctions(makeFunctions(COUNT));
    const writes = writesOfThisThread() - before;
    assertEquals(comparable(whole.path), comparable(single.path));
    const { size } = Deno.statSync(whole.path);
    assert(
      writes <= Math.ceil(size / (256 * KIB)),
      `${writes} writes for ${size} bytes`,
    );
    // Both count in steps of one, and return the indices that they have recorded.
    for (
      const [path, returned] of [
        [single.path, singleIndices],
        [whole.path, [...indices]],
      ] as const
    ) {
      assertEquals(readLoads(path).map(({ index }) => index), returned);
      assertEquals(returned.at(-1)! - returned[0], BigInt(COUNT - 1));
    }
  });

  it("keeps the order when large and small code alternate", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    const sizes = [10, 300_000, 20, 262_144, 30, 262_145, 1_000_000, 40];
    const before = writesOfThisThread();
    dump.dumpFunctions(
      sizes.map((size, i) => ({
        name: `${i}`,
        code: new Uint8Array(size).fill(i),
      })),
    );
    const writes = writesOfThisThread() - before;
    const { size } = Deno.statSync(dump.path);
    assert(writes <= Math.ceil(size / (256 * KIB)), `${writes}`);
    assertEquals(
      readLoads(dump.path).map((
        { name, code },
      ) => [name, code.length, code[0]]),
      sizes.map((size, i) => [`${i}`, size, i]),
    );
  });

  it("assigns one timestamp when it gets an array, and one per function otherwise", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    const code = new Uint8Array(1);
    const early = dump.getTimeStamp();
    dump.dumpFunctions([
      { name: "a", code },
      {
        name: "b",
        get code() {
          dump.dumpFunction({ name: "c", code, timestamp: 5n });
          return code;
        },
      },
      { name: "d", code, timestamp: 7n },
      { name: "e", code },
    ]);
    let late = 0n;
    dump.dumpFunctions(function* () {
      yield { name: "f", code };
      late = dump.getTimeStamp();
      yield { name: "g", code };
    }());
    const times = Object.fromEntries(
      readLoads(dump.path).map(({ name, timestamp }) => [name, timestamp]),
    );
    assert(times.a >= early);
    assertEquals([times.b, times.e], [times.a, times.a]);
    assertEquals([times.c, times.d], [5n, 7n]);
    assert(times.f >= times.a && times.f <= late && late <= times.g);
  });

  it("writes nothing when there are no functions", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    assertEquals(dump.dumpFunctions([]), new BigUint64Array());
    assertEquals(Deno.statSync(dump.path).size, 40);
  });

  it("writes the preceding functions when one is invalid", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    const bad = [
      {
        ...makeFunction(3),
        lines: [{ offset: 0, line: 1, file: "file://x/y" }],
      },
      { ...makeFunction(3), name: "a\0b" },
      null as unknown as JitFunction,
    ];
    for (const fn of bad) {
      assertThrows(
        () => dump.dumpFunctions([makeFunction(0), makeFunction(1), fn]),
        TypeError,
      );
    }
    const found = readFunctions(dump.path);
    assertEquals(found.length, 2 * bad.length);
    found.forEach((fn, i) => assertIsFunction(fn, i % 2));
  });

  it("writes the preceding functions when the iterator throws", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    assertThrows(
      () =>
        dump.dumpFunctions(function* () {
          yield* makeFunctions(5);
          throw new Error("the compiler failed");
        }()),
      Error,
      "the compiler failed",
    );
    readFunctions(dump.path).forEach(assertIsFunction);
    assertEquals(readFunctions(dump.path).length, 5);
  });

  it("writes all functions when the iterator writes others meanwhile", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    dump.dumpFunctions(function* () {
      for (let i = 0; i < 10; i++) {
        dump.dumpFunction({ name: `stub ${i}`, code: new Uint8Array(4) });
        yield makeFunction(i);
      }
    }());
    const names = readLoads(dump.path).map(({ name }) => name);
    assertEquals(names.length, 20);
    assertEquals(names.filter((name) => name.startsWith("stub")).length, 10);
  });

  it("writes nothing when the iterator closes the dump", () => {
    using directory = temporaryDirectory();
    const dump = new JitDumpFile(join(directory.path, "some.dump"));
    assertThrows(
      () =>
        dump.dumpFunctions(function* () {
          yield makeFunction(0);
          dump.close();
          yield makeFunction(1);
        }()),
      Deno.errors.BadResource,
    );
    assertEquals(Deno.statSync(dump.path).size, 40);
  });

  it("writes the preceding functions when one is too large", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    // The array is never read, so it occupies no memory.
    const giant = { name: "giant", code: new Uint8Array(2 ** 31 - 1) };
    assertThrows(
      () => dump.dumpFunctions([makeFunction(0), giant]),
      RangeError,
      "one write has at most",
    );
    readFunctions(dump.path).forEach(assertIsFunction);
    assertEquals(readFunctions(dump.path).length, 1);
  });

  it("throws a TypeError when its argument is not iterable", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    for (const fns of [undefined, null, 5, {}, makeFunction(0)]) {
      assertThrows(
        () => dump.dumpFunctions(fns as unknown as JitFunction[]),
        TypeError,
        '"fns" must be iterable',
      );
    }
  });

  it("needs less than 160 MiB when it gets a million functions", async () => {
    using directory = temporaryDirectory();
    const { stdout, stderr } = await runScript(
      directory.path,
      `import { JitDumpFile } from "${MOD}";
       using dump = JitDumpFile.forProcess("${directory.path}");
       const code = new Uint8Array(400);
       let rss = 0;
       const early = Deno.memoryUsage().rss;
       const indices = dump.dumpFunctions(function* () {
         for (let i = 0; i < 1_000_000; i++) {
           if (i % 10_000 === 0) rss = Math.max(rss, Deno.memoryUsage().rss);
           yield { name: "function number " + i, code };
         }
       }());
       console.log(JSON.stringify({ early, rss, count: indices.length }));`,
      enoughFlags(directory.path),
    );
    assertEquals(stderr, "");
    const { early, rss, count } = JSON.parse(stdout);
    assertEquals(count, 1_000_000);
    // The dump has 480 MB. The returned indices have 8 MB, and are copied while their
    // list grows.
    assertLess(rss - early, 100 * KIB * KIB);
  });
});

describe("two writers of one file", () => {
  it("keep each function's records together when their calls alternate", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    using a = new JitDumpFile(path, EM_X86_64);
    using b = new JitDumpFile(path, EM_X86_64);
    let expected = 0;
    for (let i = 0; i < 60; i++) {
      // Calls for one function and for two alternate, with all six kinds of functions.
      const writer = i % 5 < 2 ? a : b;
      if (i % 4 === 3) {
        writer.dumpFunctions([
          makeFunction(expected++),
          makeFunction(expected++),
        ]);
      } else {
        writer.dumpFunction(makeFunction(expected++));
      }
    }
    const found = readFunctions(path);
    assertEquals(found.length, expected);
    found.forEach(assertIsFunction);
  });

  it("keep each function's records together when they run in two threads", async () => {
    using directory = temporaryDirectory();
    const COUNT = 5_000;
    const worker = join(directory.path, "worker.ts");
    Deno.writeTextFileSync(
      worker,
      `import { JitDumpFile } from "${MOD}";
       self.onmessage = ({ data: writer }) => {
         using dump = new JitDumpFile("${directory.path}/some.dump", 62);
         for (let i = 0; i < ${COUNT}; i++) {
           const fn = {
             name: writer + " " + i,
             code: new Uint8Array(1 + i % 100).fill(writer),
             address: 4096,
             ...(i % 2 ? { lines: [{ offset: 0, line: i, file: "/" + writer }] } : {}),
             ...(i % 3 === 0 ? { unwinding: [] } : {}),
           };
           if (i % 5 === 0) dump.dumpFunctions([fn]);
           else dump.dumpFunction(fn);
         }
         self.postMessage("done");
       };`,
    );
    const { stderr } = await runScript(
      directory.path,
      `await Promise.all([1, 2].map((writer) => {
         const worker = new Worker("file://${worker}", { type: "module" });
         worker.postMessage(writer);
         return new Promise((resolve) => worker.onmessage = resolve);
       }));
       Deno.exit();`,
      ["--allow-all"],
    );
    assertEquals(stderr, "");
    const found = readFunctions(join(directory.path, "some.dump"));
    assertEquals(found.length, 2 * COUNT);
    for (const { name, code, debugInfo, unwindingInfo } of found) {
      const [writer, i] = name.split(" ").map(Number);
      assert(code.every((byte) => byte === writer));
      assertEquals(
        debugInfo?.entries[0].file,
        i % 2 ? `/${writer}` : undefined,
      );
      assertEquals(debugInfo?.entries[0].line, i % 2 ? i : undefined);
      assertEquals(unwindingInfo !== undefined, i % 3 === 0);
    }
  });
});
