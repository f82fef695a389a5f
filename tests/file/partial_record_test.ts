import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import type { Libc, LibcLibrary } from "../../ffi/libc.ts";
import {
  CodeLoadRecord,
  JitDumpError,
  JitDumpFile,
  type JitFunction,
  PerfMapFile,
  RecordId,
} from "../../mod.ts";
import { AppendFile } from "../../src/file/append_file.ts";
import { SharedFile } from "../../src/file/shared_file.ts";
import { repairPartialRecord } from "../../src/file/partial_record.ts";
import { ERRNO, faultyLibc, real } from "../support/faulty_libc.ts";
import { parseDump, parseLoad } from "../support/parse_dump.ts";
import { injectCommand, recordCommand, runOrThrow } from "../support/perf.ts";
import { MOD, scriptCommand, temporaryDirectory } from "../support/script.ts";
import { itWithPerf } from "../support/with_perf.ts";

const HEADER_SIZE = 40;
const SKIPPED = 0xffff_ffff;

/** Returns a JIT_CODE_LOAD record of a foreign engine. */
function foreignRecord(name: string): Uint8Array {
  const text = new TextEncoder().encode(`${name}\0`);
  const code = Uint8Array.of(1, 2, 3);
  const record = new Uint8Array(
    CodeLoadRecord.size + text.length + code.length,
  );
  CodeLoadRecord.pack({
    header: {
      id: RecordId.JitCodeLoad,
      totalSize: record.length,
      timestamp: 1n,
    },
    pid: Deno.pid,
    tid: 1,
    vma: 4096n,
    codeAddr: 4096n,
    codeSize: BigInt(code.length),
    codeIndex: 0n,
  }, record);
  record.set(text, CodeLoadRecord.size);
  record.set(code, record.length - code.length);
  return record;
}

const OURS = new Uint8Array(new ArrayBuffer(100)).map((_, i) => i);
// The record's `id` and `totalSize`.
new DataView(OURS.buffer).setUint32(0, RecordId.JitCodeMove, true);
new DataView(OURS.buffer).setUint32(4, OURS.length, true);

/** Behavior of one write: an action before it, its size, and its error. */
interface Step {
  first?: () => void;
  bytes?: number;
  errno?: number;
}

/** Opens a dump for appending, with a libc whose writes follow `steps`. */
function scriptedFile(path: string, steps: Step[], faults: Partial<Libc> = {}) {
  const errno = { value: 0 };
  const play = (write: (bytes: bigint) => number, all: bigint) => {
    const { first, bytes, errno: failure } = steps.shift() ?? {};
    first?.();
    if (failure !== undefined) {
      errno.value = failure;
      return -1;
    }
    return write(bytes === undefined ? all : BigInt(bytes));
  };
  const libc = faultyLibc({
    write: (number, fd, bytes, size) =>
      play((n) => real.write(number, fd, bytes, n), BigInt(size)),
    writev: (fd, iov) => {
      const [address, size] = new BigUint64Array(
        (iov as Uint8Array<ArrayBuffer>).buffer,
      );
      return play((n) => {
        const words = BigUint64Array.of(address, n);
        return real.writev(fd, new Uint8Array(words.buffer), 1);
      }, size);
    },
    ...faults,
  }, errno);
  const shared = SharedFile.open(libc, path, "", () => ({
    marker: 0n,
    isExclusive: false,
  }));
  const file = new AppendFile(shared, repairPartialRecord);
  return { file, close: () => file.close() };
}

/** Creates a dump, and opens it as a foreign engine that appends to it. */
function sharedDump() {
  const directory = temporaryDirectory();
  const path = join(directory.path, "some.dump");
  new JitDumpFile(path).close();
  const engine = Deno.openSync(path, { append: true });
  return {
    path,
    append: (bytes: Uint8Array) =>
      assertEquals(engine.writeSync(bytes), bytes.length),
    truncate: (size: number) => Deno.truncateSync(path, size),
    records: () =>
      parseDump(Deno.readFileSync(path)).records.map((record) =>
        record.id === RecordId.JitCodeLoad
          ? `load of ${JSON.stringify(parseLoad(record).name)}, code ${
            parseLoad(record).code
          }`
          : record.id === SKIPPED
          ? `${record.body.byteLength} skipped`
          : `record ${record.id}, ${record.body.byteLength}`
      ),
    [Symbol.dispose]: () => {
      engine.close();
      directory[Symbol.dispose]();
    },
  };
}

const append = (file: AppendFile) =>
  file.append({ bytes: OURS, length: OURS.length });

describe("a record that is written partially, beside another engine", () => {
  for (
    const name of ["EIO", "EFBIG", "ENOSPC", "EDQUOT"] as const
  ) {
    it(`becomes a record to skip when a write fails with ${name}`, () => {
      using dump = sharedDump();
      const { file, close } = scriptedFile(dump.path, [{ bytes: 60 }, {
        errno: ERRNO[name],
      }]);
      const error = assertThrows(() => append(file), JitDumpError);
      assertEquals([error.code, error.path], [name, dump.path]);
      assertEquals(dump.records(), ["60 skipped"]);
      dump.append(foreignRecord("other"));
      append(file);
      assertEquals(dump.records(), [
        "60 skipped",
        `load of "other", code 1,2,3`,
        "record 1, 100",
      ]);
      close();
    });
  }

  it("keeps the records after it when its part has any size", () => {
    for (let bytes = 1; bytes < 40; bytes++) {
      using dump = sharedDump();
      const { file, close } = scriptedFile(dump.path, [
        { bytes },
        {
          first: () => {
            dump.append(foreignRecord("one"));
            dump.append(foreignRecord("two"));
          },
          errno: ERRNO.ENOSPC,
        },
      ]);
      assertThrows(() => append(file), JitDumpError);
      const two = `load of "two", code 1,2,3`;
      assertEquals(
        dump.records(),
        bytes > 16
          ? [`${bytes} skipped`, `load of "one", code 1,2,3`, two]
          : [`load of "one${" ".repeat(bytes)}", code 1,2,3`, two],
      );
      append(file);
      assertEquals(dump.records().at(-1), "record 1, 100");
      close();
    }
  });

  it("is truncated when its part is too short to be skipped", () => {
    for (let bytes = 1; bytes <= 16; bytes++) {
      using dump = sharedDump();
      const { file, close } = scriptedFile(dump.path, [{ bytes }, {
        errno: ERRNO.ENOSPC,
      }]);
      assertThrows(() => append(file), JitDumpError);
      assertEquals(Deno.statSync(dump.path).size, HEADER_SIZE);
      close();
    }
  });

  it("is written again when there is space after another engine's record", () => {
    for (const bytes of [8, 50, 95]) {
      using dump = sharedDump();
      const { file, close } = scriptedFile(dump.path, [
        { bytes },
        { first: () => dump.append(foreignRecord("other")) },
      ]);
      append(file);
      assertEquals(dump.records(), [
        bytes > 16
          ? `${bytes} skipped`
          : `load of "other${" ".repeat(bytes)}", code 1,2,3`,
        ...bytes > 16 ? [`load of "other", code 1,2,3`] : [],
        ...OURS.length - bytes > 16 ? [`${OURS.length - bytes} skipped`] : [],
        "record 1, 100",
      ]);
      close();
    }
  });

  it("is added to the following record when its part is short", () => {
    const following: [Uint8Array, string][] = [
      [OURS, "record 1, 105"],
      [Uint8Array.of(9, 0, 0, 0, 16, ...new Uint8Array(11)), "record 9, 21"],
    ];
    for (const [record, expected] of following) {
      using dump = sharedDump();
      const { file, close } = scriptedFile(dump.path, [
        { bytes: 5 },
        { first: () => dump.append(record), errno: ERRNO.ENOSPC },
      ]);
      assertThrows(() => append(file), JitDumpError);
      assertEquals(dump.records(), [expected]);
      close();
    }
  });

  it("is repaired when the engine has completed its own record", () => {
    using dump = sharedDump();
    const theirs = foreignRecord("theirs");
    let calls = -Infinity;
    const { file, close } = scriptedFile(
      dump.path,
      [{ bytes: 7 }, {
        first: () => {
          dump.append(theirs.subarray(0, 30));
          calls = 0;
        },
        errno: ERRNO.ENOSPC,
      }],
      {
        statx: (...args) => {
          if (++calls === 8) dump.append(theirs.subarray(30));
          return real.statx(...args);
        },
      },
    );
    const { code } = assertThrows(() => append(file), JitDumpError);
    assertEquals(code, "ENOSPC");
    assertEquals(dump.records(), [`load of "theirs       ", code 1,2,3`]);
    close();
  });

  it("is repaired later when the engine does not complete its own record", () => {
    using dump = sharedDump();
    const theirs = foreignRecord("theirs");
    const { file, close } = scriptedFile(dump.path, [{ bytes: 7 }, {
      first: () => dump.append(theirs.subarray(0, 30)),
      errno: ERRNO.ENOSPC,
    }]);
    const { code, cause } = assertThrows(() => append(file), JitDumpError);
    assertEquals(code, "ENOSPC");
    const problem =
      `Cannot repair "${dump.path}": another engine has appended ` +
      "an incomplete record after the partial record at byte 40";
    assertStringIncludes((cause as Error).message, problem);
    assertThrows(() => append(file), Error, problem);
    dump.append(theirs.subarray(30));
    append(file);
    assertEquals(dump.records(), [
      `load of "theirs       ", code 1,2,3`,
      "record 1, 100",
    ]);
    close();
  });

  for (const time of ["at the next append", "by closing"]) {
    it(`is repaired ${time} when the first repair fails`, () => {
      using dump = sharedDump();
      let isBroken = true;
      const { file, close } = scriptedFile(
        dump.path,
        [{ bytes: 60 }, { errno: ERRNO.EDQUOT }],
        {
          pwrite: (...args) => isBroken ? -1 : real.pwrite(...args),
        },
      );
      const { code, cause } = assertThrows(() => append(file), JitDumpError);
      assertEquals(code, "EDQUOT");
      assertEquals((cause as JitDumpError).syscall, "pwrite");
      assertThrows(dump.records, Error, "incomplete record at byte 40");
      dump.append(foreignRecord("other"));
      isBroken = false;
      if (time === "by closing") close();
      else append(file);
      assertEquals(dump.records(), [
        "60 skipped",
        `load of "other", code 1,2,3`,
        ...time === "by closing" ? [] : ["record 1, 100"],
      ]);
    });
  }
});

describe("a perf map line that is written partially", () => {
  it("becomes a blank line when another engine has appended", () => {
    using directory = temporaryDirectory();
    const fn: JitFunction = {
      name: "fib",
      code: new Uint8Array(new ArrayBuffer(16)),
      address: 4096,
    };
    for (const bytes of [1, 2, 9]) {
      const path = join(directory.path, `${bytes}.map`);
      using other = Deno.openSync(path, { append: true, create: true });
      const calls = [bytes, -1];
      using map = mapWith(path, (real) => ({
        write: (number, fd, buffer, size) =>
          real.write(number, fd, buffer, BigInt(calls.shift() ?? size)),
        writev: () => calls.shift()!,
      }));
      assertThrows(() => map.dumpFunction(fn), JitDumpError);
      other.writeSync(new TextEncoder().encode("1 2 other\n"));
      map.dumpFunction(fn);
      assertEquals(
        Deno.readTextFileSync(path),
        `${" ".repeat(bytes - 1)}\n1 2 other\n1000 10 fib\n`,
      );
      // The file still counts as a perf map.
      new PerfMapFile(path).close();
    }
  });
});

/** Opens a perf map with a libc in which some calls are replaced. */
function mapWith(
  path: string,
  faults: (real: Libc) => Partial<Libc>,
): PerfMapFile {
  const { dlopen } = Deno;
  Deno.dlopen = ((...args: Parameters<typeof dlopen>) => {
    const library = dlopen(...args) as unknown as LibcLibrary;
    const symbols = faultyLibc(faults(library.symbols), {
      value: ERRNO.ENOSPC,
    });
    return { symbols, close: () => library.close() };
  }) as typeof dlopen;
  try {
    return new PerfMapFile(path);
  } finally {
    Deno.dlopen = dlopen;
  }
}

describe("perf inject", () => {
  itWithPerf(
    "reads the records after a skipped one when a dump was repaired",
    async () => {
      using directory = temporaryDirectory();
      for (const size of [17, 60]) {
        const subdirectory = join(directory.path, `${size}`);
        Deno.mkdirSync(subdirectory);
        const script = scriptCommand(
          directory.path,
          `import { JitDumpFile } from "${MOD}";
         const dump = JitDumpFile.forProcess("${subdirectory}");
         const code = new Uint8Array(16);
         dump.dumpFunction({ name: "before", code });
         using engine = Deno.openSync(dump.path, { append: true });
         const part = new Uint8Array(${size}).fill(0xee);
         new DataView(part.buffer).setUint32(0, ${SKIPPED}, true);
         new DataView(part.buffer).setUint32(4, ${size}, true);
         engine.writeSync(part);
         dump.dumpFunction({ name: "after      ", code });`,
          ["--allow-all"],
        );
        const data = join(subdirectory, "perf.data");
        await runOrThrow(recordCommand(data, script));
        await runOrThrow(injectCommand(data, `${data}.jit`));
        const images = [...Deno.readDirSync(subdirectory)]
          .filter(({ name }) => name.endsWith(".so"));
        assertEquals(images.length, 2);
      }
    },
  );
});
