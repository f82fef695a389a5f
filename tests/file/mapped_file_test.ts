import {
  assert,
  assertEquals,
  assertGreater,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { JitDumpError, JitDumpFile, type JitFunction } from "../../mod.ts";
import { createDumpHeader } from "../../src/file/dump_header.ts";
import { HOST_MACHINE } from "../../src/format/machine.ts";
import { openDump } from "../../src/file/dump_file.ts";
import {
  checkDump,
  type CodeLoad,
  JitDumpReader,
  JitDumpStream,
} from "../../src/reader/mod.ts";
import type { Libc } from "../../ffi/libc.ts";
import { ERRNO, faultyLibc, real } from "../support/faulty_libc.ts";
import { itUnless } from "../support/it_unless.ts";
import {
  parseDump,
  parseLoad,
  parseStart,
  readLoads,
} from "../support/parse_dump.ts";
import {
  injectCommand,
  isInstalled,
  recordCommand,
  run,
  runOrThrow,
} from "../support/perf.ts";
import {
  LIBC,
  MOD,
  runScript,
  scriptCommand,
  temporaryDirectory,
} from "../support/script.ts";
import { runOnTmpfs, whyNotMount } from "../stress/full_disk.ts";
import { itWithPerf } from "../support/with_perf.ts";

const noPrlimit = await isInstalled("prlimit")
  ? undefined
  : "there is no prlimit";
const noMount = await whyNotMount();

const MIB = 1 << 20;
const SKIPPED = 0xffff_ffff;

/** Opens a dump that must really be mapped. */
function openMapped(path: string): JitDumpFile {
  const dump = new JitDumpFile(path, undefined, { sink: "mapped" });
  assertEquals(dump.sink, "mapped");
  return dump;
}

/** Functions of many sizes, the largest beyond what is copied, so many MiB in all. */
function* functions(mebibytes: number): Generator<JitFunction> {
  let size = 0;
  for (let i = 0; size < mebibytes * MIB; i++) {
    const length = i % 100 === 99 ? 700_000 : 1 + (i * 7919) % 30_000;
    size += length;
    yield {
      name: `f${i}`,
      code: new Uint8Array(new ArrayBuffer(length)).fill(i),
      address: 4096,
      timestamp: BigInt(i),
      lines: i % 3 === 0 ? [{ offset: 0, line: i + 1, file: "/a" }] : undefined,
    };
  }
}

const withoutIndices = (path: string) =>
  readLoads(path).map((load) => ({ ...load, index: 0n, tid: 0 }));

describe("the sink", () => {
  it("is append where nothing is said, and what was asked for elsewhere", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    assertEquals(dump.sink, "append");
    using mapped = openMapped(join(directory.path, "mapped.dump"));
    assertEquals(mapped.sink, "mapped");
    const { ino } = Deno.statSync(`/proc/self/fd/${mapped.fd}`);
    assertEquals(ino, Deno.statSync(mapped.path).ino);
    mapped.close();
    assertThrows(() => mapped.sink, Deno.errors.BadResource);
  });

  it("that is none is refused", () => {
    const sink = "memory" as "mapped";
    assertThrows(
      () => new JitDumpFile("/nowhere/some.dump", undefined, { sink }),
      TypeError,
      `"options.sink" must be "append" or "mapped", got "memory"`,
    );
  });

  it("becomes append where the file system cannot", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    const BTRFS = 0x9123_683en;
    const libc = faultyLibc({
      fstatfs: (_fd, buffer) => {
        const bytes = buffer as Uint8Array<ArrayBuffer>;
        new DataView(bytes.buffer).setBigUint64(0, BTRFS, true);
        return 0;
      },
    });
    const header = createDumpHeader(real, HOST_MACHINE, 1n);
    const sink = openDump(libc, path, header, "mapped");
    assertEquals(sink.kind, "append");
    // Others may have it open, as with any that is appended to.
    new JitDumpFile(path).close();
    sink.close();
    assertEquals(Deno.statSync(path).size, 40);
  });

  itUnless(
    noMount,
    "becomes append on ramfs, which is not known to keep its places",
    async () => {
      using directory = temporaryDirectory();
      const script = scriptCommand(
        directory.path,
        `import { JitDumpFile } from "${MOD}";
         const mount = new Deno.Command("mount", { args: ["-t", "ramfs", "x", "/mnt"] });
         if (!(await mount.output()).success) throw new Error("no ramfs");
         const dump = JitDumpFile.forProcess("/mnt", { sink: "mapped" });
         dump.dumpFunction({ name: "f", code: new Uint8Array(16) });
         const maps = Deno.readTextFileSync("/proc/self/maps").split(dump.path);
         console.log(dump.sink, maps.length - 1);`,
        ["--allow-all"],
      );
      const { stdout } = await runOnTmpfs("/mnt", "size=1m", script);
      assertEquals(stdout, "append 1\n");
    },
  );

  it("that is mapped needs the same permissions", async () => {
    using directory = temporaryDirectory();
    const { stdout, stderr } = await runScript(
      directory.path,
      `import { JitDumpFile } from "${MOD}";
       const dump = JitDumpFile.forProcess("${directory.path}", { sink: "mapped" });
       dump.dumpFunction({ name: "f", code: new Uint8Array(16) });
       console.log(dump.sink);`,
      [`--allow-ffi=${LIBC}`, `--allow-write=${directory.path}`],
    );
    assertEquals([stdout, stderr], ["mapped\n", ""]);
  });
});

describe("a mapped dump", () => {
  it("has what an appended one has", () => {
    using directory = temporaryDirectory();
    const [mapped, appended] = ["mapped", "append"].map((name) =>
      join(directory.path, name)
    );
    {
      using one = openMapped(mapped);
      using other = new JitDumpFile(appended);
      for (const fn of functions(12)) {
        one.dumpFunction(fn);
        other.dumpFunction(fn);
      }
      one.dumpFunctions(functions(5));
      other.dumpFunctions(functions(5));
      one.dumpCodeCloseRecord(1n);
      other.dumpCodeCloseRecord(1n);
    }
    assertEquals(Deno.statSync(mapped).size, Deno.statSync(appended).size);
    assertEquals(withoutIndices(mapped), withoutIndices(appended));
  });

  it("is cut to its last record when it is closed", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    const dump = openMapped(path);
    assertEquals(Deno.statSync(path).size, 40);
    dump.dumpFunction({ name: "f", code: new Uint8Array(16) });
    assertGreater(Deno.statSync(path).size, 100_000);
    dump.close();
    assertEquals(Deno.statSync(path).size, 40 + 56 + 2 + 16);
    // And may be opened again.
    for (const sink of ["mapped", "append", "mapped"] as const) {
      using again = new JitDumpFile(path, undefined, { sink });
      again.dumpFunction({ name: sink, code: new Uint8Array(16) });
    }
    assertEquals(
      readLoads(path).map(({ name }) => name),
      ["f", "mapped", "append", "mapped"],
    );
    const maps = Deno.readTextFileSync("/proc/self/maps");
    assertEquals(maps.includes(path), false);
  });

  it("has one window at a time", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    using dump = openMapped(path);
    const code = new Uint8Array(30_000);
    for (let i = 0; i < 200; i++) dump.dumpFunction({ name: `f${i}`, code });
    assertGreater(Deno.statSync(path).size, 5 * MIB);
    const maps = Deno.readTextFileSync("/proc/self/maps").split("\n")
      .filter((line) => line.includes(path));
    // And the marker.
    assertEquals(maps.length, 2);
  });

  it("has large records that are not code", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    const name = "n".repeat(MIB);
    {
      using dump = openMapped(path);
      for (const size of [1, 2]) {
        dump.dumpFunction({ name: "f", code: new Uint8Array(size) });
        dump.dumpFunction({ name, code: new Uint8Array(size) });
      }
    }
    assertEquals(
      readLoads(path).map(({ name, code }) => [name.length, code.length]),
      [[1, 1], [MIB, 1], [1, 2], [MIB, 2]],
    );
  });

  it("is cut when the program ends and has forgotten it", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    await runScript(
      directory.path,
      `import { JitDumpFile } from "${MOD}";
       const dump = new JitDumpFile("${path}", undefined, { sink: "mapped" });
       dump.dumpFunction({ name: "f", code: new Uint8Array(16) });`,
      ["--allow-all"],
    );
    assertEquals(Deno.statSync(path).size, 40 + 56 + 2 + 16);
  });

  itUnless(
    noPrlimit,
    "makes no more room than the file's size limit has",
    async () => {
      using directory = temporaryDirectory();
      // Without a listener for SIGXFSZ, which would end it.
      const { success, stdout, stderr } = await runScript(
        directory.path,
        `import { JitDumpFile } from "${MOD}";
         using dump = JitDumpFile.forProcess("${directory.path}", { sink: "mapped" });
         await new Deno.Command("prlimit", {
           args: ["--pid", String(Deno.pid), "--fsize=400000:unlimited"],
         }).output();
         for (const name of "abc") dump.dumpFunction({ name, code: new Uint8Array(16) });
         console.log(dump.sink, Deno.statSync(dump.path).size);`,
        // Deno's caches are beyond that size.
        ["--allow-all", "--no-code-cache"],
      );
      assertEquals([success, stdout, stderr], [true, "mapped 400000\n", ""]);
    },
  );

  itWithPerf(
    "ends in zeros after a kill, where perf, the reader and check see its end",
    async () => {
      using directory = temporaryDirectory();
      const count = 500;
      const script = scriptCommand(
        directory.path,
        `import { JitDumpFile } from "${MOD}";
         const dump = JitDumpFile.forProcess("${directory.path}", { sink: "mapped" });
         console.log(dump.path);
         for (let i = 0; i < ${count}; i++) {
           const code = new Uint8Array(350).fill(i).fill(i >> 8, 0, 10);
           dump.dumpFunction({ name: "f" + i, code, address: 2 ** 32 + 4096 * i });
         }
         Deno.kill(Deno.pid, "SIGKILL");`,
        ["--allow-all"],
      );
      const data = join(directory.path, "perf.data");
      const { stdout } = await run(recordCommand(data, script));
      const path = stdout.split("\n")[0];
      const bytes = Deno.readFileSync(path);
      const { records, end } = parseStart(bytes);
      assertEquals(records.length, count);
      assertGreater(bytes.length, end + 1000);
      assertEquals(bytes.subarray(end).every((byte) => byte === 0), true);

      await runOrThrow(injectCommand(data, `${data}.jit`));
      const images = Array.from(Deno.readDirSync(directory.path))
        .filter(({ name }) => name.startsWith("jitted-"));
      assertEquals(images.length, count);

      const reader = new JitDumpReader(bytes);
      assertEquals(Array.from(reader).length, count);
      assertEquals(reader.tail, { offset: end, kind: "zeros" });
      const findings = await Array.fromAsync(checkDump(path));
      assertEquals(findings, []);
    },
  );

  it("loses nothing where V8 ends scripts anywhere", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    // A timeout of node:vm runs no `finally`.
    const { stdout, stderr } = await runScript(
      directory.path,
      `import vm from "node:vm";
       import { JitDumpFile } from "${MOD}";
       const dump = new JitDumpFile("${path}", undefined, { sink: "mapped" });
       let returned = 0;
       for (const size of [350, 20_000, 600_000]) {
         const code = new Uint8Array(size);
         const f = () => { dump.dumpFunction({ name: "f", code }); returned++; };
         const context = vm.createContext({ f });
         for (let round = 0; round < 15; round++) {
           try {
             vm.runInContext("for (;;) f()", context, { timeout: 1 + round % 4 });
           } catch {}
         }
       }
       dump.close();
       console.log(returned);`,
      ["--allow-all"],
    );
    assertEquals(stderr, "");
    // The last call of each round may have done its work, and not returned.
    const more = readLoads(path).length - Number(stdout);
    assert(more >= 0 && more <= 45, `${more} more than ${stdout}`);
  });

  it("can be followed by this module's reader", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    const dump = openMapped(path);
    const count = 5000;
    const dumped = (async () => {
      for (let i = 0; i < count; i++) {
        dump.dumpFunction({ name: `f${i}`, code: new Uint8Array(350) });
        if (i % 500 === 0) await new Promise((go) => setTimeout(go, 5));
      }
    })();
    const names: string[] = [];
    const enough = new AbortController();
    const options = { follow: enough.signal };
    for await (const record of await JitDumpStream.open(path, options)) {
      names.push((record as CodeLoad).functionName);
      if (names.length === count) enough.abort();
    }
    await dumped;
    dump.close();
    assertEquals(names, Array.from({ length: count }, (_, i) => `f${i}`));
  });

  it("goes on beyond 4 GiB", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    new JitDumpFile(path).close();
    // A record without content, of which the disk knows only the header.
    const size = 0xffff_0000;
    const header = new Uint8Array(Uint32Array.of(SKIPPED, size, 0, 0).buffer);
    Deno.writeFileSync(path, header, { append: true });
    Deno.truncateSync(path, 40 + size);
    const dump = openMapped(path);
    for (let i = 0; i < 5000; i++) {
      dump.dumpFunction({ name: `f${i}`, code: new Uint8Array(350) });
    }
    dump.dumpFunction({ name: "giant", code: new Uint8Array(MIB) });
    dump.dumpFunction({ name: "last", code: new Uint8Array(1) });
    dump.close();

    // The same without that record.
    const end = Deno.statSync(path).size;
    assertGreater(end, 2 ** 32 + MIB);
    const bytes = new Uint8Array(end - size);
    using file = Deno.openSync(path);
    file.seekSync(0, Deno.SeekMode.Start);
    file.readSync(bytes.subarray(0, 40));
    file.seekSync(40 + size, Deno.SeekMode.Start);
    assertEquals(file.readSync(bytes.subarray(40)), bytes.length - 40);
    const names = parseDump(bytes).records.map((load) => parseLoad(load).name);
    assertEquals(names.length, 5002);
    assertEquals(names.slice(-2), ["giant", "last"]);
  });

  it("leaves nothing of memory that cannot be read", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    using dump = openMapped(path);
    const libc = Deno.dlopen(LIBC, {
      mmap: {
        parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"],
        result: "pointer",
      },
    });
    const [none, privateAnonymous] = [0, 0x22];
    const memory = libc.symbols
      .mmap(null, BigInt(MIB), none, privateAnonymous, -1, 0n)!;
    const code = new Uint8Array(
      Deno.UnsafePointerView.getArrayBuffer(memory, MIB),
    );
    dump.dumpFunction({ name: "a", code: new Uint8Array(16) });
    const error = assertThrows(
      () => dump.dumpFunction({ name: "b", code }),
      JitDumpError,
    );
    assertEquals(error.code, "EFAULT");
    dump.dumpFunction({ name: "c", code: new Uint8Array(16) });
    dump.close();
    libc.close();
    assertEquals(readLoads(path).map(({ name }) => name), ["a", "c"]);
  });
});

describe("a mapped dump and others", () => {
  it("of this thread do not go together", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    {
      using _dump = openMapped(path);
      for (const sink of ["mapped", "append"] as const) {
        assertThrows(
          () => new JitDumpFile(path, undefined, { sink }),
          Deno.errors.Busy,
          "which excludes others",
        );
      }
    }
    using _dump = new JitDumpFile(path);
    assertThrows(
      () => openMapped(path),
      Deno.errors.Busy,
      "another writer of this process has it open",
    );
  });

  it("of other threads do not go together", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    using _dump = openMapped(path);
    const source = `import { JitDumpFile } from "${MOD}";
      const outcomes = ["mapped", "append"].map((sink) => {
        try {
          new JitDumpFile("${path}", undefined, { sink });
        } catch (error) {
          return error.name;
        }
      });
      self.postMessage(outcomes);`;
    const file = join(directory.path, "worker.js");
    Deno.writeTextFileSync(file, source);
    const worker = new Worker(`file://${file}`, { type: "module" });
    const { data } = await new Promise<MessageEvent>((resolve) =>
      worker.onmessage = resolve
    );
    worker.terminate();
    assertEquals(data, ["Busy", "Busy"]);
  });

  it("that are engines with the file open do not go together", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    new JitDumpFile(path).close();
    using _engine = Deno.openSync(path, { append: true });
    assertThrows(() => openMapped(path), Deno.errors.Busy);
  });

  it("that append later, not knowing of it, lose nothing, and nothing is lost", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    const foreign = (name: string) => {
      const bytes = new Uint8Array(56 + name.length + 1 + 4);
      const words = new DataView(bytes.buffer);
      words.setUint32(4, bytes.length, true);
      words.setUint32(40, 4, true);
      bytes.set(new TextEncoder().encode(name), 56);
      using engine = Deno.openSync(path, { append: true });
      engine.writeSync(bytes);
    };
    const code = new Uint8Array(350);
    const giant = new Uint8Array(MIB);
    const expected: string[] = [];
    {
      using dump = openMapped(path);
      foreign("first");
      for (let i = 0; i < 5000; i++) {
        dump.dumpFunction({ name: `f${i}`, code });
        expected.push(`f${i}`);
        if (i % 700 === 0) foreign(`foreign ${i}`);
      }
      foreign("before a giant");
      dump.dumpFunction({ name: "giant", code: giant });
      dump.dumpFunction({ name: "small", code });
      expected.push("giant", "small");
      foreign("last");
    }
    const { records, end } = parseStart(Deno.readFileSync(path));
    assertEquals(end, Deno.statSync(path).size);
    const names = records.filter(({ id }) => id !== SKIPPED)
      .map(({ body }) => {
        const bytes = new Uint8Array(body.buffer, body.byteOffset);
        return new TextDecoder().decode(
          bytes.subarray(56, bytes.indexOf(0, 56)),
        );
      });
    const ours = names.filter((name) => expected.includes(name));
    assertEquals(ours, expected);
    assertEquals(names.length - ours.length, 1 + 8 + 2);
    assertEquals(names.at(-1), "last");
  });

  it("that cut the file lose what was cut off", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    using dump = openMapped(path);
    dump.dumpFunction({ name: "a", code: new Uint8Array(16) });
    Deno.truncateSync(path, 40);
    // To write into the window would be the end of the process now.
    dump.dumpFunction({ name: "giant", code: new Uint8Array(MIB) });
    dump.dumpFunction({ name: "b", code: new Uint8Array(16) });
    dump.close();
    assertEquals(readLoads(path).map(({ name }) => name), ["giant", "b"]);
  });

  for (const when of ["the first room", "more room"] as const) {
    it(`that append while ${when} is made lose nothing, and nothing is lost`, () => {
      using directory = temporaryDirectory();
      const path = join(directory.path, "some.dump");
      const foreign = new Uint8Array(MIB);
      new DataView(foreign.buffer).setUint32(0, 77, true);
      new DataView(foreign.buffer).setUint32(4, MIB, true);
      let rooms = 0;
      const libc = faultyLibc({
        write: (fd, bytes, count) => {
          if (count > 500_000n && ++rooms === (when === "more room" ? 2 : 1)) {
            Deno.writeFileSync(path, foreign, { append: true });
          }
          return real.write(fd, bytes, count);
        },
      });
      const header = createDumpHeader(real, HOST_MACHINE, 1n);
      const file = openDump(libc, path, header, "mapped");
      const bytes = new Uint8Array(new ArrayBuffer(350));
      new DataView(bytes.buffer).setUint32(4, bytes.length, true);
      for (let i = 0; i < 5000; i++) file.append({ bytes, length: 350 });
      file.close();
      const counts: Record<number, number> = {};
      for (const { id } of parseDump(Deno.readFileSync(path)).records) {
        counts[id] = (counts[id] ?? 0) + 1;
      }
      assertEquals([counts[0], counts[77]], [5000, 1]);
    });
  }
});

describe("a mapped dump, where calls fail", () => {
  const record = (size: number) => {
    const bytes = new Uint8Array(new ArrayBuffer(size)).fill(1);
    new DataView(bytes.buffer).setUint32(4, size, true);
    return { bytes, length: size };
  };
  /** A dump with a record, and the size of what is readable of it. */
  function openFaulty(path: string, faults: Partial<Libc>, errno: number) {
    const libc = faultyLibc(faults, { value: errno });
    const header = createDumpHeader(real, HOST_MACHINE, 1n);
    return openDump(libc, path, header, "mapped");
  }
  const sizes = (path: string) =>
    parseDump(Deno.readFileSync(path)).records
      .map(({ body }) => body.byteLength);

  for (const [what, size] of [["small", 300], ["large", 600_000]] as const) {
    for (const isStuck of [false, true]) {
      const how = isStuck ? ", even if the file cannot be cut" : "";
      it(`a ${what} record is not there, the next one is${how}`, () => {
        using directory = temporaryDirectory();
        const path = join(directory.path, "some.dump");
        let room = Infinity;
        let failing = false;
        const file = openFaulty(path, {
          write: (fd, bytes, count) => {
            if (room === 0) return -1;
            const some = Math.min(Number(count), room);
            room -= some;
            return real.write(fd, bytes, BigInt(some));
          },
          writev: (fd, iov, count) =>
            room === 0 ? -1 : real.writev(fd, iov, count),
          ftruncate: (fd, length) =>
            failing && isStuck ? -1 : real.ftruncate(fd, length),
        }, ERRNO.ENOSPC);
        assertEquals(file.kind, "mapped");
        [room, failing] = [200, true];
        const error = assertThrows(
          () => file.append(record(size)),
          JitDumpError,
        );
        assertEquals(error.code, "ENOSPC");
        assertStringIncludes(error.message, path);
        assertEquals(Deno.statSync(path).size, isStuck ? 240 : 40);
        [room, failing] = [Infinity, false];
        file.append(record(size + 1));
        file.append(record(302));
        file.close();
        assertEquals(sizes(path), [size + 1, 302]);
      });
    }
  }

  it("a window that cannot be mapped is one error", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    let failing = true;
    const file = openFaulty(path, {
      mmap: (address, size, protection, flags, fd, offset) =>
        failing && size > 4096n && fd !== -1
          ? 0xffff_ffff_ffff_ffffn
          : real.mmap(address, size, protection, flags, fd, offset),
    }, 12);
    const error = assertThrows(() => file.append(record(300)), JitDumpError);
    assertEquals([error.code, error.syscall], ["ENOMEM", "mmap"]);
    failing = false;
    file.append(record(301));
    file.close();
    assertEquals(sizes(path), [301]);
  });

  it("a file system that says nothing of itself is appended to", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    const file = openFaulty(path, { fstatfs: () => -1 }, ERRNO.EIO);
    assertEquals(file.kind, "append");
    file.append(record(300));
    file.close();
    assertEquals(sizes(path), [300]);
  });
});
