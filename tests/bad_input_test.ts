import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import {
  JitDumpError,
  JitDumpFile,
  type JitFunction,
  PerfMapFile,
} from "../mod.ts";
import { parseDump, readLoads } from "./support/parse_dump.ts";
import { LIBC, temporaryDirectory } from "./support/script.ts";
import { descriptorsOn, mappingsOn } from "./support/open_files.ts";

// deno-lint-ignore no-explicit-any -- JavaScript callers can pass any value
type Anything = any;

const code = Uint8Array.of(0xc3);

function detached(): Uint8Array {
  const bytes = new Uint8Array(16);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}

/** A mistake in a function, the fields with it, the error's class, and its message. */
const BAD_FUNCTIONS: [string, Anything, typeof TypeError, RegExp][] = [
  ["a NUL in the name", { name: "a\0b" }, TypeError, /"name".*NUL.*"a\\x00b"/],
  ["a missing name", { name: undefined }, TypeError, /"name".*undefined/],
  ["a name that is not a string", { name: 5 }, TypeError, /"name".*string.*5/],
  ["missing code", { code: undefined }, TypeError, /"code".*undefined/],
  ["code that is an array", { code: [1] }, TypeError, /"code".*Uint8Array/],
  ["code that is an ArrayBuffer", { code: code.buffer }, TypeError, /"code"/],
  [
    "code that is a Uint16Array",
    { code: new Uint16Array(2) },
    TypeError,
    /"code"/,
  ],
  [
    "code that is a DataView",
    { code: new DataView(code.buffer) },
    TypeError,
    /"code"/,
  ],
  ["detached code", { code: detached() }, TypeError, /"code" is detached/],
  ["empty code", { code: new Uint8Array() }, RangeError, /"code" is empty/],
  ["address null", { address: null }, TypeError, /"address".*null/],
  ["address 0n", { address: 0n }, RangeError, /"address".*0n/],
  ["address 0", { address: 0 }, RangeError, /"address".*0/],
  ["a negative address", { address: -1n }, RangeError, /"address".*-1n/],
  [
    "an address that is a negative number",
    { address: -4096 },
    RangeError,
    /"address".*-4096/,
  ],
  [
    "an address of 65 bits",
    { address: 2n ** 64n },
    RangeError,
    /"address".*18446744073709551616n/,
  ],
  [
    "an address too high for the code",
    { address: 2n ** 64n - 1n, code: new Uint8Array(2) },
    RangeError,
    /"address".*2 bytes/,
  ],
  [
    "an address that is not a safe integer",
    { address: 2 ** 53 },
    RangeError,
    /"address".*9007199254740992/,
  ],
  ["a fractional address", { address: 1.5 }, RangeError, /"address".*1.5/],
  [
    "an address that is text",
    { address: "0x1000" },
    TypeError,
    /"address".*"0x1000"/,
  ],
  [
    "an address that is an object",
    { address: {} },
    TypeError,
    /"address".*\{\}/,
  ],
  ["an address that is a buffer", { address: code }, TypeError, /"address"/],
  [
    "a timestamp that is a number",
    { timestamp: 1 },
    TypeError,
    /"timestamp".*bigint.*1/,
  ],
  ["a negative timestamp", { timestamp: -1n }, RangeError, /"timestamp".*-1/],
  [
    "a timestamp of 65 bits",
    { timestamp: 2n ** 64n },
    RangeError,
    /"timestamp"/,
  ],
  ["a negative pid", { pid: -1 }, RangeError, /"pid".*32-bit.*-1/],
  ["a pid of 33 bits", { pid: 2 ** 32 }, RangeError, /"pid".*4294967296/],
  ["a fractional pid", { pid: 0.5 }, RangeError, /"pid".*0.5/],
  ["a pid that is not a number", { pid: NaN }, RangeError, /"pid".*NaN/],
  ["a pid that is a bigint", { pid: 1n }, TypeError, /"pid".*1n/],
  ["a pid that is null", { pid: null }, TypeError, /"pid".*null/],
  ["a tid that is text", { tid: "1" }, TypeError, /"tid".*"1"/],
  ["an infinite tid", { tid: Infinity }, RangeError, /"tid".*Infinity/],
];

const line = { offset: 0, line: 1, file: "/a" };

/** Mistakes in the source lines of a function whose code has one byte. */
const BAD_LINES: [string, Anything, typeof TypeError, RegExp][] = [
  [
    "a value for lines that is not an array",
    { lines: line },
    TypeError,
    /"lines".*array/,
  ],
  ["null instead of lines", { lines: null }, TypeError, /"lines".*null/],
  [
    "a line that is null",
    { lines: [line, null] },
    TypeError,
    /"lines\[1\]".*null/,
  ],
  [
    "a missing offset",
    { lines: [{ ...line, offset: undefined }] },
    TypeError,
    /"lines\[0\].offset"/,
  ],
  [
    "a negative offset",
    { lines: [{ ...line, offset: -1 }] },
    RangeError,
    /"lines\[0\].offset".*-1/,
  ],
  [
    "an offset after the end of the code",
    { lines: [line, { ...line, offset: 1 }] },
    RangeError,
    /"lines\[1\].offset".*less than the code's size of 1 bytes/,
  ],
  [
    "line 0",
    { lines: [{ ...line, line: 0 }] },
    RangeError,
    /"lines\[0\].line".*0/,
  ],
  [
    "line -1",
    { lines: [{ ...line, line: -1 }] },
    RangeError,
    /"lines\[0\].line".*-1/,
  ],
  [
    "line 1.5",
    { lines: [{ ...line, line: 1.5 }] },
    RangeError,
    /"lines\[0\].line".*1.5/,
  ],
  [
    "a column of 33 bits",
    { lines: [{ ...line, column: 2 ** 32 }] },
    RangeError,
    /"lines\[0\].column"/,
  ],
  [
    "a column that is text",
    { lines: [{ ...line, column: "1" }] },
    TypeError,
    /"lines\[0\].column"/,
  ],
  [
    "a missing file",
    { lines: [{ offset: 0, line: 1 }] },
    TypeError,
    /"lines\[0\].file"/,
  ],
  [
    "an empty file",
    { lines: [{ ...line, file: "" }] },
    TypeError,
    /"lines\[0\].file" is empty/,
  ],
  [
    "a NUL in a file",
    { lines: [{ ...line, file: "a\0b" }] },
    TypeError,
    /"lines\[0\].file".*NUL/,
  ],
  [
    "a file on a host",
    { lines: [{ ...line, file: "file://host/a" }] },
    TypeError,
    /"lines\[0\].file".*host/,
  ],
];

const move = { codeIndex: 1n, oldAddress: 1, newAddress: 2, codeSize: 3 };
const entry = { address: 1, line: 1, file: "a" };
const tables = { ehFrame: code, ehFrameHdr: code, mappedSize: 0 };

/** A mistake, a call of another method with it, the error's class, and its message. */
const BAD_CALLS: [
  string,
  (dump: JitDumpFile) => unknown,
  typeof TypeError,
  RegExp,
][] = [
  [
    "a move that is null",
    (d) => d.dumpCodeMoveRecord(null as Anything),
    TypeError,
    /"move".*null/,
  ],
  [
    "a move without a code index",
    (d) => d.dumpCodeMoveRecord({ ...move, codeIndex: 1 as Anything }),
    TypeError,
    /"codeIndex".*bigint/,
  ],
  [
    "a move of code index -1",
    (d) => d.dumpCodeMoveRecord({ ...move, codeIndex: -1n }),
    RangeError,
    /"codeIndex".*-1/,
  ],
  [
    "a move without an old address",
    (d) => d.dumpCodeMoveRecord({ ...move, oldAddress: undefined as Anything }),
    TypeError,
    /"oldAddress".*undefined/,
  ],
  [
    "a move to address 0",
    (d) => d.dumpCodeMoveRecord({ ...move, newAddress: 0n }),
    RangeError,
    /"newAddress".*0n/,
  ],
  [
    "a move beyond the address space",
    (d) => d.dumpCodeMoveRecord({ ...move, newAddress: 2n ** 64n - 2n }),
    RangeError,
    /"newAddress".*3 bytes/,
  ],
  [
    "a move of 0 bytes",
    (d) => d.dumpCodeMoveRecord({ ...move, codeSize: 0 }),
    RangeError,
    /"codeSize".*0/,
  ],
  [
    "a move of 2 GiB",
    (d) => d.dumpCodeMoveRecord({ ...move, codeSize: 2 ** 31 }),
    RangeError,
    /"codeSize".*2147483648/,
  ],
  [
    "a move with an invalid timestamp",
    (d) => d.dumpCodeMoveRecord({ ...move, timestamp: 1 as Anything }),
    TypeError,
    /"timestamp"/,
  ],
  [
    "a move with an invalid pid",
    (d) => d.dumpCodeMoveRecord({ ...move, pid: -1 }),
    RangeError,
    /"pid"/,
  ],
  [
    "debug info that is a string",
    (d) => d.dumpDebugInfoRecord("x" as Anything),
    TypeError,
    /"info".*"x"/,
  ],
  [
    "debug info without entries",
    (d) => d.dumpDebugInfoRecord({ address: 1, entries: [] }),
    RangeError,
    /"entries" is empty/,
  ],
  [
    "debug info whose entries are not an array",
    (d) => d.dumpDebugInfoRecord({ address: 1, entries: {} as Anything }),
    TypeError,
    /"entries".*array/,
  ],
  [
    "debug info for address 0",
    (d) => d.dumpDebugInfoRecord({ address: 0, entries: [entry] }),
    RangeError,
    /"address"/,
  ],
  [
    "an entry that is null",
    (d) =>
      d.dumpDebugInfoRecord({ address: 1, entries: [entry, null as Anything] }),
    TypeError,
    /"entries\[1\]"/,
  ],
  [
    "an entry at address 0",
    (d) =>
      d.dumpDebugInfoRecord({
        address: 1,
        entries: [entry, { ...entry, address: 0 }],
      }),
    RangeError,
    /"entries\[1\].address"/,
  ],
  [
    "an entry for line 0",
    (d) =>
      d.dumpDebugInfoRecord({ address: 1, entries: [{ ...entry, line: 0 }] }),
    RangeError,
    /"entries\[0\].line"/,
  ],
  [
    "an entry with discriminator -1",
    (d) =>
      d.dumpDebugInfoRecord({
        address: 1,
        entries: [{ ...entry, discrim: -1 }],
      }),
    RangeError,
    /"entries\[0\].discrim"/,
  ],
  [
    "an entry without a file",
    (d) =>
      d.dumpDebugInfoRecord({ address: 1, entries: [{ ...entry, file: "" }] }),
    TypeError,
    /"entries\[0\].file" is empty/,
  ],
  [
    "unwind info that is null",
    (d) => d.dumpUnwindingInfoRecord(null as Anything),
    TypeError,
    /"info".*null/,
  ],
  [
    "a missing .eh_frame",
    (d) =>
      d.dumpUnwindingInfoRecord({ ...tables, ehFrame: undefined as Anything }),
    TypeError,
    /"ehFrame".*undefined/,
  ],
  [
    "an empty .eh_frame_hdr",
    (d) =>
      d.dumpUnwindingInfoRecord({ ...tables, ehFrameHdr: new Uint8Array() }),
    RangeError,
    /"ehFrameHdr" is empty/,
  ],
  [
    "a negative mapped size",
    (d) => d.dumpUnwindingInfoRecord({ ...tables, mappedSize: -1 }),
    RangeError,
    /"mappedSize".*-1/,
  ],
  [
    "a close with an invalid timestamp",
    (d) => d.dumpCodeCloseRecord(-1n),
    RangeError,
    /"timestamp".*-1/,
  ],
];

/** A mistake, the constructor's arguments, the error's class, and its message. */
const BAD_OPENINGS: [string, Anything[], typeof TypeError, RegExp][] = [
  ["a missing filename", [], TypeError, /"filename".*undefined/],
  ["a filename that is a number", [7], TypeError, /"filename".*7/],
  ["an empty filename", [""], TypeError, /"filename" is empty/],
  ["a NUL in the filename", ["/tmp/a\0b"], TypeError, /"filename".*NUL/],
  [
    "an http: URL",
    [new URL("http://localhost/a")],
    TypeError,
    /"filename".*file:/,
  ],
  [
    "a URL with a host",
    [new URL("file://host/a")],
    TypeError,
    /"filename".*host/,
  ],
  [
    "a URL with an encoded slash",
    [new URL("file:///a%2fb")],
    TypeError,
    /"filename".*slash/,
  ],
  [
    "a URL with an encoded NUL",
    [new URL("file:///a%00b")],
    TypeError,
    /"filename".*NUL/,
  ],
  [
    "a URL that is not UTF-8",
    [new URL("file:///a%ff")],
    TypeError,
    /"filename".*UTF-8/,
  ],
  [
    "a negative machine",
    ["/nowhere/x", -1],
    RangeError,
    /"eMachine".*16-bit.*-1/,
  ],
  [
    "a machine of 17 bits",
    ["/nowhere/x", 0x10000],
    RangeError,
    /"eMachine".*65536/,
  ],
  ["a fractional machine", ["/nowhere/x", 6.2], RangeError, /"eMachine".*6.2/],
  [
    "a machine that is text",
    ["/nowhere/x", "x86_64"],
    TypeError,
    /"eMachine".*"x86_64"/,
  ],
  [
    "a machine that is null",
    ["/nowhere/x", null],
    TypeError,
    /"eMachine".*null/,
  ],
  [
    "a relative source root",
    ["/nowhere/x", 62, { sourceRoot: "src" }],
    TypeError,
    /"options.sourceRoot".*absolute/,
  ],
  [
    "a source root that is not a file: URL",
    ["/nowhere/x", 62, { sourceRoot: new URL("https://localhost/") }],
    TypeError,
    /"options.sourceRoot".*file:/,
  ],
  [
    "null instead of options",
    ["/nowhere/x", 62, null],
    TypeError,
    /"options".*null/,
  ],
  [
    "a libc that is a number",
    ["/nowhere/x", 62, { libc: 6 }],
    TypeError,
    /"options.libc".*6/,
  ],
];

describe("dumping an invalid function", () => {
  const cases = [...BAD_FUNCTIONS, ...BAD_LINES];
  for (const [mistake, fields, errorClass, message] of cases) {
    it(`throws before it writes when there is ${mistake}`, () => {
      using directory = temporaryDirectory();
      using dump = new JitDumpFile(join(directory.path, "some.dump"));
      using map = new PerfMapFile(join(directory.path, "some.map"));
      const fn: JitFunction = { name: "f", code, ...fields };
      const calls: (() => unknown)[] = [
        () => dump.dumpFunction(fn),
        () => dump.dumpFunctions([fn]),
      ];
      const isOf = (...names: string[]) =>
        Object.keys(fields).every((field) => names.includes(field));
      // The other methods, if they accept the field.
      if (isOf("name", "code", "timestamp", "pid", "tid")) {
        const { name, code, timestamp, pid, tid } = fn;
        calls.push(() =>
          dump.dumpCodeLoadRecord(name, code, timestamp, pid, tid)
        );
      }
      if (isOf("name", "code", "address")) {
        calls.push(() => map.dumpFunction(fn), () => map.dumpFunctions([fn]));
      }
      for (const call of calls) {
        const error = assertThrows(call, errorClass);
        const text = error.message.replace('"methodName"', '"name"');
        assert(message.test(text), text);
        assert(text.startsWith("Cannot record a function: "), text);
      }
      assertEquals(Deno.statSync(dump.path).size, 40);
      assertEquals(Deno.statSync(map.path).size, 0);
      // The failed calls have written nothing.
      dump.dumpFunction({ name: "f", code });
      assertEquals(Deno.statSync(dump.path).size, 40 + 56 + 2 + 1);
    });
  }

  it("throws when the function is not an object", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    for (const fn of [undefined, null, "fib", 5, Symbol("fib")]) {
      assertThrows(
        () => dump.dumpFunction(fn as Anything),
        TypeError,
        '"fn" must be an object',
      );
    }
  });

  it("throws when the record does not fit into one write", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    // The array is never read, so it occupies no memory.
    const huge = new Uint8Array(new ArrayBuffer(0x7fff_f000 - 56 - 2 + 1));
    assertThrows(
      () => dump.dumpFunction({ name: "f", code: huge }),
      RangeError,
      "one write has at most 2147479552",
    );
    assertEquals(Deno.statSync(dump.path).size, 40);
  });
});

describe("writing another invalid record", () => {
  for (const [mistake, call, errorClass, message] of BAD_CALLS) {
    it(`throws before it writes when there is ${mistake}`, () => {
      using directory = temporaryDirectory();
      using dump = new JitDumpFile(join(directory.path, "some.dump"));
      const error = assertThrows(() => call(dump), errorClass);
      assert(message.test(error.message), error.message);
      assertEquals(Deno.statSync(dump.path).size, 40);
      dump.dumpCodeCloseRecord();
      assertEquals(Deno.statSync(dump.path).size, 40 + 24);
    });
  }
});

describe("the tables of invalid input", () => {
  it("have a call of each method when its name starts with dump", () => {
    const calls = BAD_CALLS.map(([_, call]) => String(call));
    // The test of invalid functions calls these.
    const withFunction = /^dump(Function|Functions|CodeLoadRecord)$/;
    for (const { prototype } of [JitDumpFile, PerfMapFile]) {
      const methods = Object.getOwnPropertyNames(prototype)
        .filter((name) => name.startsWith("dump"));
      assertGreater(methods.length, 1);
      for (const method of methods) {
        assert(
          withFunction.test(method) ||
            calls.some((call) => call.includes(`.${method}(`)),
          method,
        );
      }
    }
  });
});

describe("dumping an unusual function", () => {
  it("writes each function completely when its getters dump others", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    const inner = (name: string) =>
      dump.dumpFunction({ name, code, address: 1n, pid: 1, tid: 1 });
    dump.dumpFunction({
      get name() {
        inner("inner name");
        return "outer";
      },
      get code() {
        inner("inner code");
        return new Uint8Array(3);
      },
      get address() {
        inner("inner address");
        return 7n;
      },
      get tid() {
        inner("inner tid");
        return 9;
      },
    });
    const loads = readLoads(dump.path);
    assertEquals(
      loads.map(({ name, address, pid, tid, code }) => [
        name,
        address,
        pid,
        tid,
        code.length,
      ]),
      [
        ["inner name", 1n, 1, 1, 1],
        ["inner code", 1n, 1, 1, 1],
        ["inner address", 1n, 1, 1, 1],
        ["inner tid", 1n, 1, 1, 1],
        ["outer", 7n, Deno.pid, 9, 3],
      ],
    );
  });

  it("writes nothing of a getter's call when that call fails", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    const lines = [{ offset: 0, line: 1, file: "/a" }];
    dump.dumpFunction({
      get name() {
        assertThrows(() =>
          dump.dumpFunction({ name: "inner", code, lines, tid: -1 })
        );
        return "outer";
      },
      code,
    });
    const ids = parseDump(Deno.readFileSync(dump.path)).records
      .map(({ id }) => id);
    assertEquals(ids, [0]);
  });

  it("throws and leaves the file unchanged when the code cannot be read", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    const libc = Deno.dlopen(LIBC, {
      mmap: {
        parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"],
        result: "pointer",
      },
      mprotect: { parameters: ["pointer", "usize", "i32"], result: "i32" },
    });
    const size = 1 << 20;
    const memory = libc.symbols.mmap(null, BigInt(size), 3, 0x22, -1, 0n)!;
    const unreadable = Deno.UnsafePointer.offset(memory, size / 2)!;
    assertEquals(libc.symbols.mprotect(unreadable, BigInt(size / 2), 0), 0);
    const half = new Uint8Array(
      Deno.UnsafePointerView.getArrayBuffer(memory, size),
    );
    const error = assertThrows(
      () => dump.dumpFunction({ name: "f", code: half }),
      JitDumpError,
      "cannot be read",
    );
    assertEquals(error.code, "EFAULT");
    assertEquals(Deno.statSync(dump.path).size, 40);
    libc.close();
  });
});

describe("writing an array with holes", () => {
  it("throws when an entry is missing", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    assertThrows(
      () => dump.dumpDebugInfoRecord({ address: 1, entries: new Array(2) }),
      TypeError,
      '"entries[0]" must be an object',
    );
  });
});

describe("opening a perf map", () => {
  for (
    const [mistake, args, message] of [
      ["a missing path", [undefined], '"filename" must be a string'],
      ["an empty path", [""], '"filename" is empty'],
      ["a NUL in the path", ["a\0"], '"filename" must not contain NUL'],
      [
        "an http: URL",
        [new URL("http://x/")],
        '"filename" must be a file:',
      ],
      [
        "null instead of options",
        ["/nowhere/x", null],
        '"options" must be an ob',
      ],
      [
        "a libc that is a number",
        ["/nowhere/x", { libc: 6 }],
        '"options.libc" must be a s',
      ],
    ] as [string, Anything, string][]
  ) {
    it(`throws when there is ${mistake}`, () => {
      assertThrows(
        () => new PerfMapFile(...args as [Anything]),
        TypeError,
        message,
      );
    });
  }

  it("throws when forProcess() gets an invalid directory", () => {
    for (const dir of ["", "a\0b", 5, null, new URL("http://localhost/")]) {
      assertThrows(
        () => PerfMapFile.forProcess(dir as Anything),
        TypeError,
        '"dir"',
      );
    }
  });
});

describe("opening a dump", () => {
  for (const [mistake, args, errorClass, message] of BAD_OPENINGS) {
    it(`throws when there is ${mistake}`, () => {
      const error = assertThrows(
        () => new JitDumpFile(...args as [Anything]),
        errorClass,
      );
      assert(message.test(error.message), error.message);
    });
  }

  it("throws when forProcess() gets an invalid directory", () => {
    for (const dir of ["", "a\0b", 5, null, new URL("http://localhost/")]) {
      assertThrows(
        () => JitDumpFile.forProcess(dir as Anything),
        TypeError,
        '"dir"',
      );
    }
  });

  it("throws ENOENT when the directory does not exist", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "missing", "some.dump");
    const error = assertThrows(() => new JitDumpFile(path), JitDumpError);
    assertEquals(
      { ...error },
      { name: "JitDumpError", syscall: "open", code: "ENOENT", path },
    );
    assertEquals(
      error.message,
      `Cannot open "${path}": open() failed with ENOENT ` +
        "(No such file or directory). Create the directory first.",
    );
    assertEquals([...Deno.readDirSync(directory.path)], []);
  });

  it("throws EISDIR when the path is a directory", () => {
    using directory = temporaryDirectory();
    const file = join(directory.path, "some.dump");
    for (const given of [directory.path, `${directory.path}/`, `${file}/`]) {
      const { syscall, code, path } = assertThrows(
        () => new JitDumpFile(given),
        JitDumpError,
        given,
      );
      assertEquals([syscall, code, path], ["open", "EISDIR", given]);
    }
    assertEquals([...Deno.readDirSync(directory.path)], []);
  });

  it("throws ELOOP when the path is a symbolic link", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "link.dump");
    const target = join(directory.path, "target");
    Deno.symlinkSync(target, path);
    for (const isThere of [false, true]) {
      if (isThere) Deno.writeTextFileSync(target, "precious");
      const { code } = assertThrows(
        () => new JitDumpFile(path),
        JitDumpError,
        "symbolic link",
      );
      assertEquals(code, "ELOOP");
    }
    assertEquals(Deno.readTextFileSync(target), "precious");
  });

  it("leaves no descriptor and no mapping when it fails", async () => {
    using directory = temporaryDirectory();
    const text = join(directory.path, "text");
    Deno.writeTextFileSync(text, "text".repeat(100));
    const fifo = join(directory.path, "fifo");
    await new Deno.Command("mkfifo", { args: [fifo] }).output();
    for (const path of [text, fifo, directory.path, "/proc/self/comm"]) {
      assertThrows(() => new JitDumpFile(path), Error);
      const file = Deno.realPathSync(path);
      assertEquals([descriptorsOn(file), mappingsOn(file)], [0, []], path);
    }
  });

  it("throws InvalidData when the path is not a regular file", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "fifo");
    await new Deno.Command("mkfifo", { args: [path] }).output();
    for (const special of [path, "/dev/null"]) {
      assertThrows(
        () => new JitDumpFile(special),
        Deno.errors.InvalidData,
        "not a regular file",
      );
    }
  });

  it("throws before it writes when the path is in /proc", () => {
    for (const path of ["/proc/self/comm", "/proc/self/timerslack_ns"]) {
      const before = Deno.readTextFileSync(path);
      assertThrows(() => new JitDumpFile(path), Error, "not a jitdump file");
      assertEquals(Deno.readTextFileSync(path), before);
    }
    assertThrows(() => new JitDumpFile("/proc/self/mem"), Error, "pread");
  });

  it("throws when libc does not exist", () => {
    using directory = temporaryDirectory();
    const libc = join(directory.path, "libc.so.6");
    assertThrows(
      () =>
        new JitDumpFile(join(directory.path, "a.dump"), undefined, { libc }),
      Error,
      libc,
    );
    assertEquals([...Deno.readDirSync(directory.path)], []);
  });
});

describe("a closed dump", () => {
  it("throws BadResource when a method is called", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    const dump = new JitDumpFile(path);
    dump.close();
    const { size } = Deno.statSync(path);
    const calls: (() => unknown)[] = [
      () => dump.dumpFunction({ name: "f", code }),
      () => dump.dumpFunction({ name: "f", code, address: 4096 }),
      () => dump.dumpCodeLoadRecord("f", code),
      () => dump.dumpFunctions([]),
      () => dump.dumpCodeMoveRecord(move),
      () => dump.dumpDebugInfoRecord({ address: 1, entries: [entry] }),
      () => dump.dumpUnwindingInfoRecord(tables),
      () => dump.dumpCodeCloseRecord(),
      () => dump.getTimeStamp(),
      () => dump.nextCodeIndex(),
      () => dump.fd,
    ];
    for (const call of calls) {
      assertThrows(
        call,
        Deno.errors.BadResource,
        `Cannot use the dump "${path}": it is closed`,
      );
    }
    assertEquals(Deno.statSync(path).size, size);
  });
});
