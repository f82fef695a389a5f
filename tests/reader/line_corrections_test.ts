import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { JitDumpFile } from "../../mod.ts";
import {
  CodeTimeline,
  type DumpedFunction,
  JitDumpReader,
} from "../../src/reader/mod.ts";
import { DumpBuilder, type Entry } from "../support/build_dump.ts";
import { temporaryDirectory } from "../support/script.ts";

/** `pad1` of V8's and Dart's dumps. */
const V8 = { pad: 0xdead_beef };

/** Returns each function's corrected lines as "+offset file:line". */
function linesIn(bytes: Uint8Array): Record<string, string[]> {
  const reader = new JitDumpReader(bytes);
  const timeline = new CodeTimeline([], reader.header);
  const fns: DumpedFunction[] = [];
  for (const record of reader) {
    const fn = timeline.add(record);
    if (fn) fns.push(fn);
  }
  return Object.fromEntries(fns.map((fn) => [
    fn.name,
    timeline.linesOf(fn).map(({ codeAddr, file, line }) =>
      `+${(codeAddr - fn.codeAddr).toString(16)} ${file}:${line}`
    ),
  ]));
}

/** Adds a function of `size` bytes with lines at offsets. */
function add(
  dump: DumpBuilder,
  name: string,
  address: bigint,
  size: number,
  lines: Entry[],
): DumpBuilder {
  return dump
    .debugInfo(
      address,
      lines.map(([offset, ...rest]) => [address + offset, ...rest]),
    )
    .load({ name, address, code: new Uint8Array(size), index: address });
}

/** Returns an entry whose file name begins with 16 bytes of freed memory. */
type FreedEntry = [offset: bigint, line: number, file: Uint8Array];

/** Returns a file name's bytes, the first ones replaced like those of a freed block. */
function freed(file: string, ...memory: number[]): Uint8Array {
  const bytes = new TextEncoder().encode(file);
  bytes.fill(0, 0, 16);
  bytes.set(memory);
  return bytes;
}

/** Adds a function of `size` bytes with lines, and `padding` bytes after the last line. */
function addFreed(
  dump: DumpBuilder,
  name: string,
  address: bigint,
  size: number,
  entries: FreedEntry[],
  padding = 0,
): DumpBuilder {
  return dump.record(2, 1n, () => {
    dump.u64(address, BigInt(entries.length));
    for (const [offset, line, file] of entries) {
      dump.u64(address + offset);
      dump.u32(line, 1);
      dump.raw(file).raw(new Uint8Array(1));
    }
    dump.raw(new Uint8Array(padding));
  }).load({ name, address, code: new Uint8Array(size), index: address });
}

describe("lines that are 0x40 late", () => {
  it("are corrected when some are after their function, as LLVM 14 and Dart 3.13 write them", () => {
    const dump = new DumpBuilder();
    add(dump, "fib", 0x1000n, 48, [[0x40n, 1], [0x46n, 2], [0x6bn, 3]]);
    add(dump, "main", 0x1030n, 90, [[0x40n, 10], [0x50n, 11]]);
    assertEquals(linesIn(dump.bytes), {
      fib: ["+0 /a:1", "+6 /a:2", "+2b /a:3"],
      main: ["+0 /a:10", "+10 /a:11"],
    });
  });

  it("are corrected when all lines precede all loads, as LLVM 21 writes them", () => {
    const dump = new DumpBuilder()
      .debugInfo(0x1030n, [[0x1070n, 20], [0x108en, 21]])
      .debugInfo(0x1000n, [[0x1040n, 10], [0x1064n, 0]]);
    dump.load({ name: "b", address: 0x1030n, code: new Uint8Array(62) })
      .load({ name: "a", address: 0x1000n, code: new Uint8Array(43) });
    assertEquals(linesIn(dump.bytes), {
      b: ["+0 /a:20", "+1e /a:21"],
      a: ["+0 /a:10", "+24 /a:0"],
    });
  });

  it("are corrected when a dump has V8's header and no line after a function", () => {
    const name = "JS:^fib /a.js:2:13";
    const lines: Entry[] = [[0x4en, 2], [0x60n, 3]];
    const expected = ["+e /a:2", "+20 /a:3"];
    const ofV8 = add(new DumpBuilder(true, V8), name, 0x1000n, 200, lines);
    assertEquals(linesIn(ofV8.bytes)[name], expected);
    // The name alone proves nothing.
    const other = add(new DumpBuilder(), name, 0x1000n, 200, lines);
    assertEquals(linesIn(other.bytes)[name], ["+4e /a:2", "+60 /a:3"]);
  });

  it("are kept when one function has a line below 0x40, even with V8's header", () => {
    for (const header of [{}, V8]) {
      const dump = new DumpBuilder(true, header);
      add(dump, "late", 0x1000n, 48, [[0x40n, 1], [0x60n, 2]]);
      add(dump, "early", 0x2000n, 48, [[0x3fn, 1]]);
      assertEquals(linesIn(dump.bytes).late, ["+40 /a:1", "+60 /a:2"]);
    }
  });

  it("are corrected when one function of 300 has a line below 0x40", () => {
    const dump = new DumpBuilder();
    for (let i = 0n; i < 300n; i++) {
      add(dump, `f${i}`, 0x1000n * i, 48, [[i ? 0x40n : 0n, 1], [0x60n, 2]]);
    }
    assertEquals(linesIn(dump.bytes).f7, ["+0 /a:1", "+20 /a:2"]);
  });

  it("are not assumed when lines begin before the code, as Erlang 25 writes them", () => {
    const dump = new DumpBuilder();
    add(dump, "w:fib/1", 0x1000n, 248, [[-0x32n, 3], [0x40n, 4], [
      0xf8n,
      0,
      "",
    ]]);
    assertEquals(linesIn(dump.bytes)["w:fib/1"], [
      "+-32 /a:3",
      "+40 /a:4",
      "+f8 :0",
    ]);
  });

  it("are not assumed when this module has written the dump", () => {
    using directory = temporaryDirectory();
    const path = `${directory.path}/some.dump`;
    const names = ["Wasm:add", "Function:main", "JS:*f a.js:1:1", "Stub:copy"];
    {
      using dump = new JitDumpFile(path);
      // The prologue of each has no lines.
      for (const name of names) {
        dump.dumpFunction({
          name,
          code: new Uint8Array(0x80),
          address: 0x1000,
          lines: [
            { offset: 0x40, line: 1, file: "/a" },
            { offset: 0x50, line: 2, file: "/b" },
          ],
        });
      }
    }
    const lines = linesIn(Deno.readFileSync(path));
    for (const name of names) {
      assertEquals(lines[name], ["+40 /a:1", "+50 /b:2", "+80 /b:2"]);
    }
  });
});

describe("files of lines", () => {
  const lines: Entry[] = [
    [0x40n, 1, "/a"],
    [0x44n, 20, "/a"],
    [0x48n, 30, "/b"],
    [0x4cn, 2, "/c"],
    [0x50n, 3, "/a"],
  ];

  it("are corrected when V8 has written each with the next line", () => {
    const dump = new DumpBuilder(true, V8);
    add(dump, "JS:*f file:///a:1:1", 0x1000n, 64, lines);
    assertEquals(linesIn(dump.bytes)["JS:*f file:///a:1:1"], [
      "+0 /a:1",
      "+4 /b:20",
      "+8 /c:30",
      "+c /a:2",
      "+10 /a:3",
    ]);
  });

  it("are kept when another writer's lines are late", () => {
    const dump = new DumpBuilder();
    add(dump, "f", 0x1000n, 0x10, lines.slice(0, 4));
    assertEquals(linesIn(dump.bytes).f, [
      "+0 /a:1",
      "+4 /a:20",
      "+8 /b:30",
      "+c /c:2",
    ]);
  });
});

describe("file names that begin with freed memory", () => {
  const file = "/home/me/project/node/work.js";
  const name = `JS:*fib ${file}:2:13`;
  const pointer = [0x2f, 0x75, 0x01];

  it("are restored from the function's name when NULs are among the freed bytes", () => {
    const dump = new DumpBuilder(true, V8);
    addFreed(dump, name, 0x1000n, 256, [
      [0x40n, 2, freed(file, ...pointer)],
      [0x42n, 3, freed(file, ...pointer)],
      [0x50n, 4, freed(file, 0xee, 0x74, 0x01, 0, 0, 0, 0, 0, 0xbf)],
      [0x54n, 5, freed(file)],
    ], 3);
    assertEquals(linesIn(dump.bytes)[name], [
      `+0 ${file}:2`,
      `+2 ${file}:3`,
      `+10 ${file}:4`,
      `+14 ${file}:5`,
    ]);
  });

  it("are restored from the function's name when it has no column, as in Node 18", () => {
    const dump = new DumpBuilder(true, V8);
    const named = `LazyCompile:*fib ${file}:2`;
    addFreed(dump, named, 0x1000n, 256, [
      [0x40n, 2, freed(file, ...pointer)],
      [0x42n, 3, freed(file, ...pointer)],
    ]);
    assertEquals(linesIn(dump.bytes)[named], [`+0 ${file}:2`, `+2 ${file}:3`]);
  });

  it("are restored from other functions' names when code of another file is inlined", () => {
    const other = "/home/me/project/node/library.js";
    const dump = new DumpBuilder(true, V8);
    addFreed(dump, name, 0x1000n, 256, [
      [0x40n, 2, freed(other, ...pointer)],
      [0x42n, 3, freed(other, ...pointer)],
    ]);
    add(dump, `JS:~g ${other}:7:1`, 0x2000n, 256, [[0x40n, 7, other]]);
    assertEquals(linesIn(dump.bytes)[name], [
      `+0 ${other}:2`,
      `+2 ${other}:3`,
    ]);
  });

  it("are restored when a function has a single line", () => {
    const dump = new DumpBuilder(true, V8);
    addFreed(dump, name, 0x1000n, 256, [[0x40n, 2, freed(file, 1, 2)]]);
    assertEquals(linesIn(dump.bytes)[name], [`+0 ${file}:2`]);
  });

  it("are kept when no function's file ends like them", () => {
    const dump = new DumpBuilder(true, V8);
    const unknown = freed("/nobody/knows/this/file.js", 1, 2, 3);
    addFreed(dump, name, 0x1000n, 256, [[0x40n, 2, unknown]]);
    const [line] = linesIn(dump.bytes)[name];
    assertEquals(line.endsWith("is/file.js:2"), true);
  });

  it("are not assumed when all characters are valid in names", () => {
    const near = "/home/us/project/node/work.js";
    const dump = new DumpBuilder(true, V8);
    add(dump, name, 0x1000n, 256, [[0x40n, 2, near], [0x44n, 2, file]]);
    assertEquals(linesIn(dump.bytes)[name], [`+0 ${file}:2`, `+4 ${file}:2`]);
    const plain = new DumpBuilder();
    add(plain, name, 0x1000n, 256, [[0n, 2, near], [4n, 2, file]]);
    assertEquals(linesIn(plain.bytes)[name], [`+0 ${near}:2`, `+4 ${file}:2`]);
  });
});
