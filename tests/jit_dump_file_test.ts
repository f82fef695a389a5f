import {
  assert,
  assertEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertLess,
  assertThrows,
} from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { EM_AARCH64, EM_X86_64, JitDumpFile } from "../mod.ts";
import { parseDump, readLoads } from "./support/parse_dump.ts";
import { temporaryDirectory, writesOfThisThread } from "./support/script.ts";
import { descriptorsOn, mappingsOn } from "./support/open_files.ts";

const HOST = { x86_64: EM_X86_64, aarch64: EM_AARCH64 }[Deno.build.arch];

const bytes = (...values: number[]) =>
  new Uint8Array(Uint8Array.from(values).buffer);

const addressOf = (code: Uint8Array<ArrayBuffer>) =>
  Deno.UnsafePointer.value(Deno.UnsafePointer.of(code));

describe("opening a JitDumpFile", () => {
  it("creates a file with mode 0600 and a header when there is none", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    using dump = new JitDumpFile(path);
    const before = dump.getTimeStamp();
    assertEquals(dump.path, path);
    assertEquals(Deno.statSync(path).mode! & 0o7777, 0o600);
    const { machine, pid, timestamp, records } = parseDump(
      Deno.readFileSync(path),
    );
    assertEquals(machine, HOST);
    assertEquals(pid, Deno.pid);
    assertEquals(records, []);
    assert(timestamp <= before && before - timestamp < 60_000_000_000n);
  });

  it("records the ELF machine when it has up to 16 bits", () => {
    using directory = temporaryDirectory();
    for (const eMachine of [0, EM_X86_64, EM_AARCH64, 243, 0xffff]) {
      const path = join(directory.path, `${eMachine}.dump`);
      new JitDumpFile(path, eMachine).close();
      assertEquals(parseDump(Deno.readFileSync(path)).machine, eMachine);
    }
  });

  it("opens the path when it gets a file: URL", () => {
    using directory = temporaryDirectory();
    const url = new URL(`file://${directory.path}/a%20b%C3%A9.dump`);
    using dump = new JitDumpFile(url);
    assertEquals(dump.path, join(directory.path, "a bé.dump"));
    assert(Deno.statSync(dump.path).isFile);
  });

  it("chooses the name that perf expects when forProcess() is used", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, `jit-${Deno.pid}.dump`);
    for (
      const dir of [
        directory.path,
        `${directory.path}/`,
        new URL(`file://${directory.path}`),
      ]
    ) {
      using dump = JitDumpFile.forProcess(dir);
      assertEquals(dump.path, path);
    }
    assert(Deno.statSync(path).isFile);
  });

  it("keeps an executable private mapping until the dump is closed", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    const dump = new JitDumpFile(path);
    const [mapping, ...others] = mappingsOn(path);
    assertEquals(others, []);
    const [, mode, offset] = mapping.split(/\s+/);
    assertEquals(mode, "r-xp");
    assertEquals(Number(offset), 0);
    dump.close();
    assertEquals(mappingsOn(path), []);
  });

  it("appends without a second header when this process has a dump", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    for (const name of ["first", "second"]) {
      using dump = new JitDumpFile(path);
      dump.dumpCodeLoadRecord(name, bytes(0xc3));
    }
    assertEquals(readLoads(path).map(({ name }) => name), ["first", "second"]);
  });

  it("completes the header when a full disk left a part of it", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    new JitDumpFile(path).close();
    for (const length of [0, 1, 11, 39]) {
      Deno.truncateSync(path, length);
      using dump = new JitDumpFile(path);
      dump.dumpCodeLoadRecord("f", bytes(0xc3));
      assertEquals(readLoads(path).map(({ name }) => name), ["f"]);
    }
  });

  it("throws and keeps the file when its header is incompatible", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    new JitDumpFile(path).close();
    const header = Deno.readFileSync(path);
    const changed = (at: number, value: number) =>
      header.map((byte, i) => i === at ? value : byte);
    const cases: [Uint8Array, string][] = [
      [new TextEncoder().encode("x"), "not a jitdump file"],
      [new TextEncoder().encode("text".repeat(100)), "not a jitdump file"],
      [header.toReversed(), "not a jitdump file"],
      [changed(4, 2), "version 2"],
      [changed(32, 1), "flags 0x1"],
      [changed(12, 99), "machine 99"],
    ];
    for (const [content, reason] of cases) {
      Deno.writeFileSync(path, content);
      const { message } = assertThrows(
        () => new JitDumpFile(path),
        Deno.errors.InvalidData,
        reason,
      );
      assert(message.includes(path), message);
      assertEquals(Deno.readFileSync(path), content);
      assertEquals(mappingsOn(path), []);
    }
  });

  it("passes no descriptor to a child process when one starts", async () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    const { stdout } = await new Deno.Command("ls", {
      args: ["-l", "/proc/self/fd"],
    }).output();
    assertEquals(
      Deno.readLinkSync(`/proc/self/fd/${dump.fd}`),
      dump.path,
    );
    assert(!new TextDecoder().decode(stdout).includes(dump.path));
  });
});

describe("JitDumpFile", () => {
  it("writes the given fields when dumpCodeLoadRecord() is called", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    const code = bytes(1, 2, 3);
    const index = dump.dumpCodeLoadRecord("fib", code, 2n ** 64n - 1n, 7, 8);
    assertEquals(readLoads(dump.path), [{
      timestamp: 2n ** 64n - 1n,
      pid: 7,
      tid: 8,
      vma: addressOf(code),
      address: addressOf(code),
      index,
      name: "fib",
      code,
    }]);
  });

  it("writes the given fields when dumpFunction() is called", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    const code = bytes(4, 5);
    const index = dump.dumpFunction({
      name: "fib",
      code,
      address: 0xffff_8000_1234_5678n,
      timestamp: 5n,
      pid: 0xffff_ffff,
      tid: 0,
    });
    assertEquals(readLoads(dump.path), [{
      timestamp: 5n,
      pid: 0xffff_ffff,
      tid: 0,
      vma: 0xffff_8000_1234_5678n,
      address: 0xffff_8000_1234_5678n,
      index,
      name: "fib",
      code,
    }]);
  });

  it("records this process, this thread, now and the code's address when they are omitted", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    const code = bytes(0xc3);
    const before = dump.getTimeStamp();
    dump.dumpFunction({ name: "a", code });
    dump.dumpCodeLoadRecord("b", code.subarray(0, 1));
    const after = dump.getTimeStamp();
    const [a, b] = readLoads(dump.path);
    for (const { pid, tid, address, timestamp } of [a, b]) {
      assertEquals(pid, Deno.pid);
      const status = Deno.readTextFileSync(`/proc/self/task/${tid}/status`);
      assert(status.includes(`Tgid:\t${Deno.pid}\n`));
      assertEquals(address, addressOf(code));
      assert(before <= timestamp && timestamp <= after);
    }
    assert(a.timestamp <= b.timestamp);
  });

  it("records the address of a subarray when the code is one", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    const memory = bytes(...Array(100).keys());
    dump.dumpFunction({ name: "a", code: memory.subarray(10, 20) });
    const [{ address, code }] = readLoads(dump.path);
    assertEquals(address, addressOf(memory) + 10n);
    assertEquals(code, memory.slice(10, 20));
  });

  it("records the address when it is a bigint, a number or a pointer", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    const code = bytes(0xc3);
    const addresses = [
      1n,
      2n ** 64n - 1n,
      1,
      0x7f12_3456_7890,
      Number.MAX_SAFE_INTEGER,
      Deno.UnsafePointer.create(0x7f12_3456_7890n)!,
    ];
    for (const address of addresses) {
      dump.dumpFunction({ name: "f", code, address });
    }
    assertEquals(readLoads(dump.path).map(({ address }) => address), [
      1n,
      2n ** 64n - 1n,
      1n,
      0x7f12_3456_7890n,
      BigInt(Number.MAX_SAFE_INTEGER),
      0x7f12_3456_7890n,
    ]);
  });

  it("writes an escaped name in UTF-8 when it is unusual or empty", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    const names = {
      "fib": "fib",
      "": "<anonymous>",
      "größe→関数𝔽": "größe→関数𝔽",
      "a\nb\x1b": "a\\nb\\x1b",
      "\ufeffbom": "\ufeffbom",
      "lone \ud800": "lone \ufffd",
      ["x".repeat(100_000)]: "x".repeat(100_000),
      ["関".repeat(100_000)]: "関".repeat(100_000),
    };
    for (const name of Object.keys(names)) {
      dump.dumpFunction({ name, code: bytes(0xc3) });
    }
    assertEquals(
      readLoads(dump.path).map(({ name }) => name),
      Object.values(names),
    );
  });

  it("writes the whole code when it has any size", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    const sizes = [1, 255, 4096, 65535, 65536, 65537, 5_000_000, 3];
    const code = (size: number) =>
      Uint8Array.from({ length: size }, (_, i) => i * size + (i >> 8));
    for (const size of sizes) {
      dump.dumpFunction({ name: `${size}`, code: code(size) });
    }
    const loads = readLoads(dump.path);
    assertEquals(loads.map(({ name }) => Number(name)), sizes);
    for (const load of loads) {
      assertEquals(load.code, code(load.code.length));
      assertEquals(load.name, `${load.code.length}`);
    }
  });

  it("writes the code when it is a part of its memory", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    const memory = Uint8Array.from({ length: 600_000 }, (_, i) => i >> 8);
    const parts = [200, 300_000].map((size) =>
      memory.subarray(1000, 1000 + size)
    );
    for (const code of parts) dump.dumpFunction({ name: "f", code });
    assertEquals(readLoads(dump.path).map(({ code }) => code), parts);
  });

  it("writes the code when it is in shared memory", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    const code = new Uint8Array(new SharedArrayBuffer(4)).fill(9);
    dump.dumpFunction({ name: "f", code });
    assertEquals(readLoads(dump.path)[0].code, new Uint8Array(4).fill(9));
  });

  it("appends each function in one write when it has any size", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    const sizes = [1, 300, 65536, 65537, 1_000_000];
    for (const size of sizes) {
      const before = writesOfThisThread();
      dump.dumpFunction({ name: "f".repeat(500), code: new Uint8Array(size) });
      assertEquals(writesOfThisThread() - before, 1, `${size} bytes`);
    }
    assertEquals(readLoads(dump.path).map(({ code }) => code.length), sizes);
  });

  it("appends after other records when another writer has appended", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    using other = Deno.openSync(dump.path, { append: true });
    const record = new Uint8Array(16);
    new DataView(record.buffer).setUint32(0, 0x1234, true);
    new DataView(record.buffer).setUint32(4, 16, true);
    dump.dumpCodeLoadRecord("a", bytes(1));
    other.writeSync(record);
    dump.dumpCodeLoadRecord("b", new Uint8Array(100_000));
    other.writeSync(record);
    const { records } = parseDump(Deno.readFileSync(dump.path));
    assertEquals(records.map(({ id }) => id), [0, 0x1234, 0, 0x1234]);
  });
});

describe("getTimeStamp()", () => {
  it("measures the elapsed time when it is called twice", async () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    const start = performance.now();
    const first = dump.getTimeStamp();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const second = dump.getTimeStamp();
    const ms = performance.now() - start;
    const measured = Number(second - first) / 1e6;
    assertGreaterOrEqual(measured, 49);
    assertLess(measured, ms + 1);
  });

  it("returns no more than the uptime when it reads CLOCK_MONOTONIC", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    const seconds = Number(dump.getTimeStamp()) / 1e9;
    // /proc/uptime includes the time in suspend, and is rounded down to 10 ms.
    const uptime = parseFloat(Deno.readTextFileSync("/proc/uptime"));
    assertGreater(seconds, 0);
    assertLess(seconds, uptime + 0.01);
  });
});

describe("code indices", () => {
  it("increase by one when any dump of the thread assigns them", () => {
    using directory = temporaryDirectory();
    using a = new JitDumpFile(join(directory.path, "a.dump"));
    using b = new JitDumpFile(join(directory.path, "b.dump"));
    const code = bytes(0xc3);
    const indices = [
      a.nextCodeIndex(),
      a.dumpFunction({ name: "f", code }),
      b.nextCodeIndex(),
      b.dumpCodeLoadRecord("g", code),
      a.nextCodeIndex(),
    ];
    for (const [i, index] of indices.entries()) {
      assertEquals(index, indices[0] + BigInt(i));
      assertGreater(index, 2n ** 42n);
    }
  });
});

describe("closing a JitDumpFile", () => {
  it("does nothing when it is closed already", () => {
    using directory = temporaryDirectory();
    const dump = new JitDumpFile(join(directory.path, "some.dump"));
    assertEquals(descriptorsOn(dump.path), 1);
    dump.close();
    assertEquals(descriptorsOn(dump.path), 0);
    dump.close();
    dump[Symbol.dispose]();
  });

  it("happens when the scope of `using` ends", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    let dump: JitDumpFile;
    {
      using inner = new JitDumpFile(path);
      dump = inner;
      assertEquals(mappingsOn(path).length, 1);
    }
    assertEquals(mappingsOn(path), []);
    assertThrows(() => dump.fd, Deno.errors.BadResource, path);
  });
});

describe("JitDumpFile.isSupported()", () => {
  it("returns true when the system is Linux", () => {
    assertEquals(JitDumpFile.isSupported(), Deno.build.os === "linux");
  });
});
