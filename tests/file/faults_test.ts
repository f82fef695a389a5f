import { assertEquals, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { O_NONBLOCK, SYS_WRITE } from "../../ffi/constants.ts";
import { openRegularFile } from "../../ffi/directory.ts";
import type { Libc } from "../../ffi/libc.ts";
import { JitDumpError } from "../../mod.ts";
import { openDump } from "../../src/file/dump_file.ts";
import type { RecordSink } from "../../src/file/record_sink.ts";
import { RecordBuffer } from "../../src/writer/record_buffer.ts";

import { ERRNO, faultyLibc, real } from "../support/faulty_libc.ts";
import { parseDump, readLoads } from "../support/parse_dump.ts";
import { temporaryDirectory } from "../support/script.ts";
import { descriptorsOn, mappingsOn } from "../support/open_files.ts";

const HEADER = {
  magic: 0x4A695444,
  version: 1,
  totalSize: 40,
  elfMach: 62,
  pad1: 0,
  pid: 1,
  timestamp: 0n,
  flags: 0n,
};

/** Returns a buffer with a JIT_CODE_LOAD record. */
function record(codeSize: number): RecordBuffer {
  const buffer = new RecordBuffer();
  buffer.beginCodeLoad(`${codeSize}`, new Uint8Array(codeSize).fill(7));
  buffer.endCodeLoad({
    pid: 1,
    tid: 1,
    timestamp: 0n,
    address: 0n,
    codeIndex: 0n,
  });
  return buffer;
}

const SMALL = 100;
const LARGE = 1_000_000;

function openAppendFile(libc: Libc, path: string): RecordSink {
  return openDump(libc, path, HEADER, "append");
}

describe("AppendFile with short writes", () => {
  it("completes a record when a write is short", () => {
    for (const size of [SMALL, LARGE]) {
      using directory = temporaryDirectory();
      const path = join(directory.path, "some.dump");
      let calls = 0;
      const libc = faultyLibc({
        // Writes one byte in the first call, two in the second, and so on.
        write: (number, fd, bytes) =>
          real.write(number, fd, bytes, BigInt(++calls)),
        writev: (fd, iov, count) => {
          const sizes = new BigUint64Array(
            (iov as Uint8Array<ArrayBuffer>).buffer,
          );
          const before = sizes[1];
          if (++calls < 5) {
            sizes[1] = 3n;
            return real.writev(fd, iov, 1);
          }
          sizes[1] = before;
          return real.writev(fd, iov, count);
        },
      });
      const sink = openAppendFile(libc, path);
      sink.append(record(size));
      sink.append(record(SMALL));
      sink.close();
      assertEquals(readLoads(path).map(({ code }) => code.length), [
        size,
        SMALL,
      ]);
    }
  });

  it("truncates a record when it cannot be completed", () => {
    for (const size of [SMALL, LARGE]) {
      using directory = temporaryDirectory();
      const path = join(directory.path, "some.dump");
      let isBroken = false;
      const bytes = new Uint8Array(new ArrayBuffer(30));
      const address = real.addressOfBuffer(bytes);
      const part = (fd: number) => {
        isBroken = !isBroken;
        return isBroken ? real.write(SYS_WRITE, fd, address, 30n) : -1;
      };
      const libc = faultyLibc({
        write: (_number, fd) => part(fd),
        writev: part,
      });
      const sink = openAppendFile(libc, path);
      const error = assertThrows(() => sink.append(record(size)), JitDumpError);
      assertEquals(error.code, "EIO");
      assertEquals(parseDump(Deno.readFileSync(path)).records, []);
      sink.close();
    }
  });

  it("writes the whole header when writes are short", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    const libc = faultyLibc({
      pwrite: (fd, bytes, count, offset) =>
        real.pwrite(fd, bytes, BigInt(count) < 7n ? count : 7n, offset),
    });
    openAppendFile(libc, path).close();
    assertEquals(Deno.statSync(path).size, 40);
    assertEquals(parseDump(Deno.readFileSync(path)).pid, 1);
  });
});

describe("opening a dump without file locks", () => {
  it("suggests a remedy and leaves no file when it fails", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    let closes = 0;
    const libc = faultyLibc({
      fcntlLock: () => -1,
      close: (fd) => {
        closes++;
        return real.close(fd);
      },
    }, { value: ERRNO.EINVAL });
    assertThrows(
      () => openAppendFile(libc, path),
      JitDumpError,
      "which need Linux 3.15",
    );
    assertEquals([...Deno.readDirSync(directory.path)], []);
    assertEquals(closes, 1);
  });
});

describe("OpenFile", () => {
  it("restores append mode when an overwrite was interrupted", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    Deno.writeTextFileSync(path, "12345678");
    let isInterrupted = true;
    // As if V8 had terminated the script within the overwrite.
    const libc = faultyLibc({
      fcntl: (fd, command, flags) =>
        isInterrupted && flags !== O_NONBLOCK
          ? -1
          : real.fcntl(fd, command, flags),
    });
    const { file } = openRegularFile(libc, path);
    assertThrows(() => file.overwriteAt(Uint8Array.of(0x41), 2), JitDumpError);
    isInterrupted = false;
    file.write(Uint8Array.of(0x42), 1);
    file.writeParts([Uint8Array.of(0x43)]);
    file.close();
    assertEquals(Deno.readTextFileSync(path), "12A45678BC");
  });
});

describe("AppendFile with failing system calls", () => {
  it("repeats a system call when a signal interrupts it", () => {
    for (const size of [SMALL, LARGE]) {
      using directory = temporaryDirectory();
      const path = join(directory.path, "some.dump");
      const interruptions: Record<string, number> = {
        open: 2,
        statx: 1,
        pread: 3,
        pwrite: 1,
        fcntlLock: 2,
        fcntl: 2,
        write: 3,
        writev: 3,
      };
      const faults: Record<string, unknown> = {};
      for (const name of Object.keys(interruptions)) {
        const call = real[name as keyof Libc] as (...args: never[]) => unknown;
        faults[name] = (...args: never[]) =>
          interruptions[name]-- > 0 ? -1 : call(...args);
      }
      const libc = faultyLibc(faults, { value: ERRNO.EINTR });
      const sink = openAppendFile(libc, path);
      sink.append(record(size));
      sink.close();
      assertEquals(readLoads(path).map(({ code }) => code.length), [size]);
    }
  });

  it("closes the file and names the system call when opening fails", () => {
    const cases: [string, unknown][] = [
      ["open", -1],
      ["statx", -1],
      ["mmap", 0xffff_ffff_ffff_ffffn],
      ["pread", -1],
      ["pwrite", -1],
      ["fcntl", -1],
      ["fcntlLock", -1],
    ];
    for (const [name, result] of cases) {
      using directory = temporaryDirectory();
      const path = join(directory.path, "some.dump");
      const error = assertThrows(
        () => openAppendFile(faultyLibc({ [name]: () => result }), path),
        JitDumpError,
      );
      assertEquals([error.syscall, error.code, error.path], [
        name === "fcntlLock" ? "fcntl" : name,
        "EIO",
        path,
      ]);
      assertEquals([descriptorsOn(path), mappingsOn(path)], [0, []], name);
    }
  });

  it("closes the file when the marker cannot be unmapped", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    const libc = faultyLibc({ munmap: () => -1 });
    const sink = openAppendFile(libc, path);
    const { syscall } = assertThrows(() => sink.close(), JitDumpError);
    assertEquals(syscall, "munmap");
    assertEquals(descriptorsOn(path), 0);
  });

  it("ignores EINTR when the file is closed", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    let closes = 0;
    const libc = faultyLibc({
      close: (fd) => {
        closes++;
        real.close(fd);
        return -1;
      },
    }, { value: ERRNO.EINTR });
    openAppendFile(libc, path).close();
    assertEquals(closes, 1);
  });
});
