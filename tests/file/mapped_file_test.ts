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
import { itUnless, whyMissing } from "../support/it_unless.ts";
import {
  parseDump,
  parseLoad,
  parseStart,
  readLoads,
} from "../support/parse_dump.ts";
import {
  injectCommand,
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
import { mappingsOn } from "../support/open_files.ts";
import { runOnTmpfs, whyNotMount } from "../stress/full_disk.ts";
import { itWithPerf } from "../support/with_perf.ts";

const noPrlimit = await whyMissing("prlimit");
const noMount = await whyNotMount();

const MIB = 1 << 20;
const SKIPPED = 0xffff_ffff;

/** Opens a dump, and checks that it is mapped. */
function openMapped(path: string): JitDumpFile {
  const dump = new JitDumpFile(path, undefined, { sink: "mapped" });
  assertEquals(dump.sink, "mapped");
  return dump;
}

/** Yields functions of many sizes until their code has `mebibytes` in total. */
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
  it('is "append" unless "mapped" is requested', () => {
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

  it("is rejected when its name is unknown", () => {
    const sink = "memory" as "mapped";
    assertThrows(
      () => new JitDumpFile("/nowhere/some.dump", undefined, { sink }),
      TypeError,
      `"options.sink" must be "append" or "mapped", got "memory"`,
    );
  });

  it('becomes "append" when the file system cannot be mapped safely', () => {
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
    // An appended file may have other writers.
    new JitDumpFile(path).close();
    sink.close();
    assertEquals(Deno.statSync(path).size, 40);
  });

  itUnless(
    noMount,
    'becomes "append" when the file is on ramfs',
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

  it('needs no more permissions when it is "mapped"', async () => {
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
  it("has the same records as an appended one when both get the same functions", () => {
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

  it("is truncated after its last record when it is closed", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    const dump = openMapped(path);
    assertEquals(Deno.statSync(path).size, 40);
    dump.dumpFunction({ name: "f", code: new Uint8Array(16) });
    assertGreater(Deno.statSync(path).size, 50_000);
    dump.close();
    assertEquals(Deno.statSync(path).size, 40 + 56 + 2 + 16);
    // The dump can be opened again.
    for (const sink of ["mapped", "append", "mapped"] as const) {
      using again = new JitDumpFile(path, undefined, { sink });
      again.dumpFunction({ name: sink, code: new Uint8Array(16) });
    }
    assertEquals(
      readLoads(path).map(({ name }) => name),
      ["f", "mapped", "append", "mapped"],
    );
    assertEquals(mappingsOn(path), []);
  });

  it("maps only one window when it has grown", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    using dump = openMapped(path);
    const code = new Uint8Array(30_000);
    for (let i = 0; i < 200; i++) dump.dumpFunction({ name: `f${i}`, code });
    assertGreater(Deno.statSync(path).size, 5 * MIB);
    // The window and the marker.
    assertEquals(mappingsOn(path).length, 2);
  });

  it("keeps its records in order when a name is larger than the window", () => {
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

  it("is truncated when the program ends without closing it", async () => {
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
    "allocates up to the file size limit when that is less than a window",
    async () => {
      using directory = temporaryDirectory();
      // Without a listener, SIGXFSZ would end the program.
      const { success, stdout, stderr } = await runScript(
        directory.path,
        `import { JitDumpFile } from "${MOD}";
         using dump = JitDumpFile.forProcess("${directory.path}", { sink: "mapped" });
         await new Deno.Command("prlimit", {
           args: ["--pid", String(Deno.pid), "--fsize=40000:unlimited"],
         }).output();
         for (const name of "abc") dump.dumpFunction({ name, code: new Uint8Array(16) });
         console.log(dump.sink, Deno.statSync(dump.path).size);`,
        // The files of Deno's code cache are larger than the limit.
        ["--allow-all", "--no-code-cache"],
      );
      assertEquals([success, stdout, stderr], [true, "mapped 40000\n", ""]);
    },
  );

  itWithPerf(
    "ends in zeros, which readers accept, when the process is killed",
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

  it("loses no record when V8 terminates scripts at any point", async () => {
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
    // The last call of a round may have written its record before it was terminated.
    const more = readLoads(path).length - Number(stdout);
    assert(more >= 0 && more <= 45, `${more} more than ${stdout}`);
  });

  it("can be followed by a reader when it is open", async () => {
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

  it("is appended to when it is larger than 4 GiB", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    new JitDumpFile(path).close();
    // A sparse record: only its header occupies disk space.
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

    // Copy the file without the large record.
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

  it("rolls back a record when its code cannot be read", () => {
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

describe("a mapped dump with other writers", () => {
  it("excludes them when they are of this thread", () => {
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

  it("excludes them when they are of other threads", async () => {
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

  it("is rejected when an engine has the file open", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    new JitDumpFile(path).close();
    using _engine = Deno.openSync(path, { append: true });
    assertThrows(() => openMapped(path), Deno.errors.Busy);
  });

  it("loses no record when an engine appends to the file later", () => {
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

  it("loses only truncated records when an engine truncates the file", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    using dump = openMapped(path);
    dump.dumpFunction({ name: "a", code: new Uint8Array(16) });
    Deno.truncateSync(path, 40);
    // A write into the window would now end the process with SIGBUS.
    dump.dumpFunction({ name: "giant", code: new Uint8Array(MIB) });
    dump.dumpFunction({ name: "b", code: new Uint8Array(16) });
    dump.close();
    assertEquals(readLoads(path).map(({ name }) => name), ["giant", "b"]);
  });

  for (const which of ["first", "next"] as const) {
    it(`loses no record when an engine appends before the ${which} window`, () => {
      using directory = temporaryDirectory();
      const path = join(directory.path, "some.dump");
      const foreign = new Uint8Array(MIB);
      new DataView(foreign.buffer).setUint32(0, 77, true);
      new DataView(foreign.buffer).setUint32(4, MIB, true);
      let windows = 0;
      const libc = faultyLibc({
        write: (number, fd, bytes, count) => {
          if (count > 50_000n && ++windows === (which === "next" ? 2 : 1)) {
            Deno.writeFileSync(path, foreign, { append: true });
          }
          return real.write(number, fd, bytes, count);
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

describe("a mapped dump with failing system calls", () => {
  const record = (size: number) => {
    const bytes = new Uint8Array(new ArrayBuffer(size)).fill(1);
    new DataView(bytes.buffer).setUint32(4, size, true);
    return { bytes, length: size };
  };
  /** Opens a mapped dump with a libc whose faults set `errno`. */
  function openFaulty(path: string, faults: Partial<Libc>, errno: number) {
    const libc = faultyLibc(faults, { value: errno });
    const header = createDumpHeader(real, HOST_MACHINE, 1n);
    return openDump(libc, path, header, "mapped");
  }
  const sizes = (path: string) =>
    parseDump(Deno.readFileSync(path)).records
      .map(({ body }) => body.byteLength);

  for (const [kind, size] of [["small", 300], ["large", 600_000]] as const) {
    for (const isStuck of [false, true]) {
      const also = isStuck ? " and the file cannot be truncated" : "";
      it(`loses only a ${kind} record when it does not fit${also}`, () => {
        using directory = temporaryDirectory();
        const path = join(directory.path, "some.dump");
        let space = Infinity;
        let failing = false;
        const file = openFaulty(path, {
          write: (number, fd, bytes, count) => {
            if (space === 0) return -1;
            const some = Math.min(Number(count), space);
            space -= some;
            return real.write(number, fd, bytes, BigInt(some));
          },
          writev: (fd, iov, count) =>
            space === 0 ? -1 : real.writev(fd, iov, count),
          ftruncate: (fd, length) =>
            failing && isStuck ? -1 : real.ftruncate(fd, length),
        }, ERRNO.ENOSPC);
        assertEquals(file.kind, "mapped");
        [space, failing] = [200, true];
        const error = assertThrows(
          () => file.append(record(size)),
          JitDumpError,
        );
        assertEquals(error.code, "ENOSPC");
        assertStringIncludes(error.message, path);
        assertEquals(Deno.statSync(path).size, isStuck ? 240 : 40);
        [space, failing] = [Infinity, false];
        file.append(record(size + 1));
        file.append(record(302));
        file.close();
        assertEquals(sizes(path), [size + 1, 302]);
      });
    }
  }

  it("loses only one record when a window cannot be mapped", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    let failing = true;
    const file = openFaulty(path, {
      mmap: (address, size, protection, flags, fd, offset) =>
        failing && size > 4096n && fd !== -1
          ? 0xffff_ffff_ffff_ffffn
          : real.mmap(address, size, protection, flags, fd, offset),
    }, ERRNO.ENOMEM);
    const error = assertThrows(() => file.append(record(300)), JitDumpError);
    assertEquals([error.code, error.syscall], ["ENOMEM", "mmap"]);
    failing = false;
    file.append(record(301));
    file.close();
    assertEquals(sizes(path), [301]);
  });

  it("is appended to when the status of its file system is unknown", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    const file = openFaulty(path, { fstatfs: () => -1 }, ERRNO.EIO);
    assertEquals(file.kind, "append");
    file.append(record(300));
    file.close();
    assertEquals(sizes(path), [300]);
  });
});
