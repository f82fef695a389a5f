import { assertEquals, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
// Errors load it. Deno 2.9 may lose a termination while it loads a module.
import "node:os";
import { runInThisContext } from "node:vm";
import { SYS_WRITE } from "../../ffi/constants.ts";
import { openRegularFile } from "../../ffi/directory.ts";
import type { Libc } from "../../ffi/libc.ts";
import { tryLock, unlock } from "../../ffi/lock.ts";
import { JitDumpFile } from "../../mod.ts";
import { openDump } from "../../src/file/dump_file.ts";
import { createDumpHeader } from "../../src/file/dump_header.ts";
import type { RecordSink, Sink } from "../../src/file/record_sink.ts";
import { EM_X86_64 } from "../../src/format/machine.ts";
import { RecordId } from "../../src/format/record.ts";
import { runOperation } from "../../src/operation.ts";
import { CodeLoad, JitDumpReader } from "../../src/reader/mod.ts";
import { RecordBuffer } from "../../src/writer/record_buffer.ts";
import { RecordPacker } from "../../src/writer/record_packer.ts";
import { faultyLibc, real } from "../support/faulty_libc.ts";
import { LIBC, temporaryDirectory } from "../support/script.ts";

const DOOR = 1n << 62n;

const packer = new RecordPacker(real, EM_X86_64, undefined);

/** Returns a record whose code consists of small records. */
function record(name: string, size: number): RecordBuffer {
  const buffer = new RecordBuffer();
  const code = new Uint8Array(new Uint32Array(size / 4).fill(64).buffer);
  packer.addFunction(buffer, { name, code, address: 4096 });
  return buffer;
}

function open(path: string, faults: Partial<Libc>, sink: Sink): RecordSink {
  const header = createDumpHeader(real, EM_X86_64, 1n);
  return openDump(faultyLibc(faults), path, header, sink);
}

/** Time after which V8 terminates a script: many times that in which it starts to loop. */
const TIMEOUT_MS = 200;

/** Time after which a loop ends whose script has not been terminated. */
const LONGEST_LOOP_MS = 10_000;

/** Loops until V8 terminates the script. */
function loop(): never {
  const end = performance.now() + LONGEST_LOOP_MS;
  while (performance.now() < end);
  throw new Error("V8 has not terminated the script");
}

/** Calls `call`, which must loop, and terminates it. */
function terminate(call: () => void): void {
  Object.assign(globalThis, { call });
  assertThrows(
    () => runInThisContext("call()", { timeout: TIMEOUT_MS }),
    Error,
    "timed out",
  );
}

const namesIn = (path: string) =>
  Array.from(new JitDumpReader(Deno.readFileSync(path))).map((record) =>
    record instanceof CodeLoad ? record.functionName : record.id
  );

describe("a script that V8 terminates", () => {
  it("leaves no partial record when it waits for the door after a short write", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    let isShort = false;
    const sink = open(path, {
      write: (number, fd, bytes, size) => {
        const written = isShort ? 30n : size;
        isShort = false;
        return real.write(number, fd, bytes, written);
      },
    }, "append");
    sink.append(record("one", 64));
    // Another thread holds the lock of the door.
    const { file } = openRegularFile(real, path);
    tryLock(file, DOOR, true);
    isShort = true;
    terminate(() => sink.append(record("two", 64)));
    unlock(file, DOOR);
    file.close();
    sink.append(record("three", 64));
    sink.append(record("four", 64));
    sink.close();
    assertEquals(namesIn(path), ["one", "three", "four"]);
  });

  /** Sizes of the records that follow; large ones make the writer check the free space. */
  const following = [[64, 64], [300_000], []];

  for (
    const [writes, sizesAfter] of [[30], [30, 40], [30, 500]].flatMap((
      writes,
    ) => following.map((sizes) => [writes, sizes]))
  ) {
    it(`leaves no partial record when it has just written ${writes.join(" and ")} bytes, and ${sizesAfter.length} records follow`, () => {
      using directory = temporaryDirectory();
      const path = join(directory.path, "some.dump");
      let sizes: number[] = [];
      let isEndless = false;
      const next = (size: bigint) => {
        const written = sizes.shift() ?? Number(size);
        isEndless = sizes.length === 0 && written === writes.at(-1);
        return BigInt(Math.min(written, Number(size)));
      };
      const sink = open(path, {
        write: (number, fd, bytes, size) =>
          real.write(number, fd, bytes, next(BigInt(size))),
        writev: (fd, iov) => {
          const [address, size] = new BigUint64Array(
            (iov as Uint8Array<ArrayBuffer>).buffer,
          );
          return real.write(SYS_WRITE, fd, address, next(size));
        },
        lseek: (fd, offset, whence) => {
          if (isEndless) loop();
          return real.lseek(fd, offset, whence);
        },
      }, "append");
      sink.append(record("one", 64));
      sizes = [...writes];
      terminate(() => sink.append(record("two", 64)));
      isEndless = false;
      for (const size of sizesAfter) sink.append(record(`${size}`, size));
      // As JitDumpFile does.
      runOperation(() => sink.close());
      assertEquals(namesIn(path), ["one", ...sizesAfter.map(String)]);
    });
  }

  it("leaves no partial record when it has just removed it", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    let sizes: number[] = [];
    let isEndless = false;
    const sink = open(path, {
      write: (number, fd, bytes, size) =>
        real.write(number, fd, bytes, BigInt(sizes.shift() ?? size)),
      writev: (fd, iov, count) => sizes.shift() ?? real.writev(fd, iov, count),
      ftruncate: (fd, size) => {
        const result = real.ftruncate(fd, size);
        if (isEndless) loop();
        return result;
      },
    }, "append");
    sink.append(record("one", 64));
    sizes = [30, -1];
    isEndless = true;
    terminate(() => sink.append(record("two", 64)));
    isEndless = false;
    sink.append(record("three", 64));
    runOperation(() => sink.close());
    assertEquals(namesIn(path), ["one", "three"]);
  });

  it("leaves no partial record when it has just extended a mapped file in part", () => {
    for (const size of [64, 300_000]) {
      using directory = temporaryDirectory();
      const path = join(directory.path, "some.dump");
      let isShort = false;
      let isEndless = false;
      const sink = open(path, {
        write: (number, fd, bytes, size) => {
          isEndless = isShort;
          const written = isShort ? 9000n : size;
          isShort = false;
          return real.write(number, fd, bytes, written);
        },
        lseek: (fd, offset, whence) => {
          if (isEndless) loop();
          return real.lseek(fd, offset, whence);
        },
      }, "mapped");
      sink.append(record("one", 64));
      isShort = true;
      // Needs more space than the first window has.
      terminate(() => sink.append(record("two", 200_000)));
      isEndless = false;
      const names = ["one"];
      for (let i = 0; i < 6; i++) {
        sink.append(record(`${i}`, i === 0 ? size : 60_000));
        names.push(`${i}`);
        assertEquals(namesIn(path), names);
      }
      sink.close();
      assertEquals(namesIn(path), names);
    }
  });

  it("leaves nothing of a record when it is copied in part", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    let isTerminated = false;
    const sink = open(path, {
      copyBetweenAddresses: (to, from, size) => {
        if (isTerminated && BigInt(size) === 8n) {
          isTerminated = false;
          throw new Error("terminated");
        }
        return real.copyBetweenAddresses(to, from, size);
      },
    }, "mapped");
    assertEquals(sink.kind, "mapped");
    sink.append(record("one", 64));
    isTerminated = true;
    assertThrows(() => sink.append(record("two", 4000)), Error, "terminated");
    sink.append(record("three", 16));
    // A reader finds no bytes of the second record after the third.
    assertEquals(namesIn(path), ["one", "three"]);
    sink.close();
    assertEquals(namesIn(path), ["one", "three"]);
  });
});

describe("a call that V8 terminates while it packs records", () => {
  /** Bytes whose length getter loops after the checks have read it. */
  class EndlessCode extends Uint8Array {
    #reads = 0;
    override get length(): number {
      if (++this.#reads > 2) loop();
      return super.length;
    }
  }

  /** Dumps a function with lines, and is terminated when the lines have been packed. */
  function terminateAfterLines(dump: JitDumpFile): void {
    const lines = [{ offset: 0, line: 1, file: "/a" }];
    terminate(() =>
      dump.dumpFunction({ name: "a", code: new EndlessCode(8), lines })
    );
  }

  const code = new Uint8Array(16);

  it("leaves nothing to the next call when its lines are packed", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    terminateAfterLines(dump);
    dump.dumpFunction({ name: "b", code });
    terminateAfterLines(dump);
    dump.dumpCodeCloseRecord();
    assertEquals(namesIn(dump.path), ["b", RecordId.JitCodeClose]);
  });

  it("leaves nothing to another call when a getter of that call has started it", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    dump.dumpFunction({
      get name() {
        terminateAfterLines(dump);
        return "b";
      },
      code,
    });
    dump.dumpCodeMoveRecord({
      get codeSize() {
        terminateAfterLines(dump);
        return 1;
      },
      codeIndex: 1n,
      oldAddress: 1n,
      newAddress: 2n,
    });
    assertEquals(namesIn(dump.path), ["b", RecordId.JitCodeMove]);
  });

  it("leaves no half-enlarged buffer when it is terminated at any point", () => {
    using directory = temporaryDirectory();
    using dump = new JitDumpFile(join(directory.path, "some.dump"));
    // The buffer for this name is allocated in each call, and released after it.
    const name = "n".repeat(400_000);
    const call = () => {
      for (;;) dump.dumpFunction({ name, code });
    };
    Object.assign(globalThis, { call });
    for (let i = 0; i < 200; i++) {
      assertThrows(() => runInThisContext("call()", { timeout: 1 }));
      dump.dumpFunction({ name: "after", code });
    }
    const names = namesIn(dump.path);
    assertEquals(names.filter((found) => found === "after").length, 200);
    assertEquals(new Set(names), new Set([name, "after"]));
  });
});

describe("a function that closes its own dump", () => {
  it("throws BadResource and is not written when closing has unloaded libc", () => {
    using directory = temporaryDirectory();
    // Copy libc, so that no other code has loaded this library.
    const libc = join(directory.path, "libc-copy.so");
    Deno.copyFileSync(LIBC, libc);
    const code = new Uint8Array(16);
    for (
      const act of [
        (dump: JitDumpFile) =>
          dump.dumpFunctions(function* () {
            yield { name: "a", code };
            dump.close();
            yield { name: "b", code };
          }()),
        (dump: JitDumpFile) =>
          dump.dumpFunction({
            name: "a",
            get code() {
              dump.close();
              return code;
            },
          }),
      ]
    ) {
      const path = join(directory.path, "some.dump");
      const dump = new JitDumpFile(path, undefined, { libc });
      assertThrows(() => act(dump), Deno.errors.BadResource);
      assertEquals(Deno.statSync(path).size, 40);
    }
  });
});
