import { assert, assertEquals, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { runInThisContext } from "node:vm";
import { openRegularFile } from "../../ffi/directory.ts";
import type { OpenFile } from "../../ffi/file.ts";
import { findLock, tryLock } from "../../ffi/lock.ts";
import { LockTable } from "../../src/file/lock_table.ts";
import { onTermination, runOperation } from "../../src/operation.ts";
import { JitDumpFile } from "../../mod.ts";
import { faultyLibc, real } from "../support/faulty_libc.ts";
import { readLoads } from "../support/parse_dump.ts";
import { MOD, runScript, temporaryDirectory } from "../support/script.ts";

const DOOR = 1n << 62n;
const MARKER = 0x7f12_3456_7000n;

/** Opens a file `count` times, and creates a table for each. */
function openTables(count: number) {
  const directory = temporaryDirectory();
  const path = join(directory.path, "some.dump");
  const files: OpenFile[] = [];
  for (let i = 0; i < count; i++) {
    files.push(openRegularFile(real, path).file);
  }
  return {
    path,
    files,
    tables: files.map((file) => new LockTable(file)),
    [Symbol.dispose]: () => {
      files.forEach((file) => file.close());
      directory[Symbol.dispose]();
    },
  };
}

/** Runs `action` with a clock that advances by `step` ms at each reading. */
function withFastClock<T>(step: number, action: () => T): T {
  const { now } = performance;
  let time = 0;
  performance.now = () => time += step;
  try {
    return action();
  } finally {
    performance.now = now;
  }
}

describe("LockTable", () => {
  it("finds the marker when this process has another writer", () => {
    using opened = openTables(2);
    const [first, second] = opened.tables;
    assertEquals(second.findWriters(), undefined);
    assert(first.join(MARKER, false));
    assertEquals(second.findWriters(), { marker: MARKER, isExclusive: false });
    // A table does not report its own writer.
    assertEquals(first.findWriters(), undefined);
  });

  it("finds no writer when its file is closed", () => {
    using opened = openTables(2);
    const [first, second] = opened.tables;
    first.join(MARKER, false);
    opened.files.shift()!.close();
    assertEquals(second.findWriters(), undefined);
  });

  it("rejects other writers when one is exclusive", () => {
    using opened = openTables(2);
    const [first, second] = opened.tables;
    assert(first.join(MARKER, true));
    assertEquals(second.findWriters(), { marker: MARKER, isExclusive: true });
    assert(!second.join(MARKER, false));
    assert(!second.isOnly());
  });

  it("rejects an exclusive writer when there are others", () => {
    using opened = openTables(2);
    const [first, second] = opened.tables;
    assert(first.join(MARKER, false));
    assert(!second.join(MARKER, true));
  });

  it("stays shared when isOnly() has checked for other writers", () => {
    using opened = openTables(3);
    const [first, second, third] = opened.tables;
    assert(!first.isOnly());
    first.join(MARKER, false);
    assert(first.isOnly());
    assert(second.join(MARKER, false));
    assert(!first.isOnly());
    assert(!second.isOnly());
    opened.files.splice(1, 1)[0].close();
    assert(first.isOnly());
    assertEquals(third.findWriters()?.isExclusive, false);
  });

  it("stays exclusive when isOnly() has checked for other writers", () => {
    using opened = openTables(2);
    const [first, second] = opened.tables;
    first.join(MARKER, true);
    assert(first.isOnly());
    assertEquals(second.findWriters()?.isExclusive, true);
  });

  it("finds other processes when their ranges are before or after its own", () => {
    using opened = openTables(3);
    const [own, other, another] = opened.tables;
    own.join(MARKER, false);
    assert(!other.hasOtherProcess());
    const { start } = findLock(opened.files[1], 0n, DOOR)!;
    const range = 1n << 36n;
    const first = start / range * range;
    for (const byte of [first - 1n, first + range, 0n, DOOR - 1n]) {
      const file = openRegularFile(real, opened.path).file;
      assert(tryLock(file, byte, false));
      assert(own.hasOtherProcess(), `${byte}`);
      assert(another.hasOtherProcess(), `${byte}`);
      file.close();
      assert(!own.hasOtherProcess(), `${byte}`);
    }
  });

  it("keeps the door locked when an action runs", () => {
    using opened = openTables(2);
    const [first, second] = opened.tables;
    const isAlone = first.withDoorLocked((isAlone) => {
      assert(!tryLock(opened.files[1], DOOR, true));
      return isAlone;
    });
    assert(isAlone);
    assert(second.withDoorLocked((isAlone) => isAlone));
  });

  it("unlocks the door when an action throws", () => {
    using opened = openTables(2);
    const [first, second] = opened.tables;
    const fail = () => {
      throw new Error("failed");
    };
    assertThrows(() => first.withDoorLocked(fail), Error, "failed");
    assert(second.withDoorLocked((isAlone) => isAlone));
  });

  it("stops waiting for the door when the timeout has passed", () => {
    using opened = openTables(2);
    const [table] = opened.tables;
    assert(tryLock(opened.files[1], DOOR, true));
    withFastClock(5000, () => {
      assert(!table.withDoorLocked((isAlone) => isAlone));
    });
    // With the real clock, waiting would take 5 s.
    assert(!table.withDoorLocked((isAlone) => isAlone));
  });

  it("returns the result of an action when its door cannot be unlocked", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    let isBroken = false;
    const libc = faultyLibc({
      fcntlLock: (fd, command, lock) =>
        isBroken ? -1 : real.fcntlLock(fd, command, lock),
    });
    const { file } = openRegularFile(libc, path);
    const result = new LockTable(file).withDoorLocked(() => {
      isBroken = true;
      return "result";
    });
    assertEquals(result, "result");
    file.close();
  });
});

describe("LockTable after V8 has terminated an action", () => {
  /**
   * Runs an infinite action until a timeout of node:vm terminates it, and repeats that if
   * the timeout has passed before the action started.
   */
  function terminate(table: LockTable, abandon?: () => void): void {
    const globals = globalThis as unknown as Record<string, unknown>;
    let hasStarted = false;
    const action = () => {
      hasStarted = true;
      for (;;);
    };
    globals.terminated = () =>
      runOperation(() => {
        onTermination(() => hasStarted && abandon?.());
        table.withDoorLocked(action);
      });
    while (!hasStarted) {
      assertThrows(() => runInThisContext("terminated()", { timeout: 20 }));
    }
    delete globals.terminated;
  }

  it("unlocks the door when the thread runs another action", () => {
    using opened = openTables(3);
    const [first, second] = opened.tables;
    terminate(first);
    assert(!tryLock(opened.files[2], DOOR, true));
    assert(
      withFastClock(
        5000,
        () => runOperation(() => second.withDoorLocked((isAlone) => isAlone)),
      ),
    );
  });

  it("abandons the action once when the thread runs another", () => {
    using opened = openTables(2);
    const [first, second] = opened.tables;
    const calls: string[] = [];
    terminate(first, () => calls.push("abandon"));
    assertEquals(calls, []);
    runOperation(() => second.withDoorLocked(() => calls.push("action")));
    runOperation(() => second.withDoorLocked(() => calls.push("action")));
    assertEquals(calls, ["abandon", "action", "action"]);
  });

  it("continues when the action cannot be abandoned", () => {
    using opened = openTables(2);
    const [first, second] = opened.tables;
    terminate(first, () => {
      throw new Error("failed");
    });
    assert(runOperation(() => second.withDoorLocked((isAlone) => isAlone)));
  });
});

describe("writers of one process", () => {
  it("share one marker when they close in any order", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    const worker = join(directory.path, "worker.ts");
    Deno.writeTextFileSync(
      worker,
      `import { JitDumpFile } from "${MOD}";
       const dump = new JitDumpFile("${path}");
       dump.dumpFunction({ name: self.name, code: new Uint8Array(16) });
       self.onmessage = () => {
         dump.close();
         self.postMessage("closed");
       };
       self.postMessage("open");`,
    );
    const { stdout, stderr } = await runScript(
      directory.path,
      `import { JitDumpFile } from "${MOD}";
       const next = (worker) => new Promise((resolve) => worker.onmessage = resolve);
       const markers = () =>
         Deno.readTextFileSync("/proc/self/maps").split("${path}").length - 1;
       const dump = new JitDumpFile("${path}");
       const workers = [];
       for (const name of ["one", "two"]) {
         const worker = new Worker("file://${worker}", { type: "module", name });
         await next(worker);
         workers.push(worker);
       }
       console.log(markers());
       dump.dumpFunction({ name: "main", code: new Uint8Array(16) });
       dump.close();
       for (const worker of workers) {
         console.log(markers());
         worker.postMessage("close");
         await next(worker);
       }
       console.log(markers());
       Deno.exit();`,
      ["--allow-all"],
    );
    assertEquals([stdout, stderr], ["1\n1\n1\n0\n", ""]);
    assertEquals(readLoads(path).map(({ name }) => name), [
      "one",
      "two",
      "main",
    ]);
  });

  it("reject a dump when another process has it open", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    new JitDumpFile(path).close();
    // Lock a byte far from this process's byte.
    const { file } = openRegularFile(real, path);
    using _close = { [Symbol.dispose]: () => file.close() };
    assert(tryLock(file, 5n, false));
    assertThrows(
      () => new JitDumpFile(path),
      Deno.errors.Busy,
      "another process writes to it",
    );
  });

  it("reject a dump when its header is of another process with an equal hash", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    {
      // Create the header of an earlier process with this process id.
      using _dump = new JitDumpFile(path);
      const bytes = Deno.readFileSync(path);
      bytes[24] ^= 1;
      Deno.writeFileSync(path, bytes);
      assertThrows(
        () => new JitDumpFile(path),
        Deno.errors.Busy,
        "another process writes to it",
      );
    }
  });

  it("unmap all markers when they have closed hundreds of files", async () => {
    using directory = temporaryDirectory();
    const { stdout, stderr } = await runScript(
      directory.path,
      `import { JitDumpFile } from "${MOD}";
       for (const round of [1, 2]) {
         const dumps = Array.from({ length: 300 }, (_, i) =>
           new JitDumpFile("${directory.path}/" + round + "-" + i + ".dump"));
         dumps.forEach((dump, i) => dump.dumpFunction({ name: "f" + i, code: new Uint8Array(8) }));
         dumps.forEach((dump) => dump.close());
       }
       const maps = Deno.readTextFileSync("/proc/self/maps");
       console.log(maps.includes(".dump"));`,
      ["--allow-all"],
    );
    assertEquals([stdout, stderr], ["false\n", ""]);
  });
});

describe("a script that V8 terminates at any point", () => {
  /** Returns a script that runs a loop many times; a timeout of node:vm terminates each run. */
  const source = (directory: string, sink: string, loop: string) => `
    import vm from "node:vm";
    import { JitDumpFile } from "${MOD}";
    const path = "${directory}/some.dump";
    const kept = new JitDumpFile("${directory}/kept.dump", undefined, { sink: "${sink}" });
    const fn = { name: "f", code: new Uint8Array(16) };
    const large = { name: "large", code: new Uint8Array(600_000) };
    Object.assign(globalThis, { JitDumpFile, path, kept, fn, large });
    let terminated = 0;
    for (let i = 0; i < 120; i++) {
      // Moves the point of termination.
      globalThis.spin = i * 300;
      try {
        vm.runInThisContext("for (let i = 0; i < spin; i++); ${loop}", { timeout: 1 });
      } catch (error) {
        if (error.code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
        terminated++;
      }
      kept.dumpFunction({ name: "after", code: new Uint8Array(4) });
      const dump = new JitDumpFile(path);
      dump.dumpFunction({ name: "after", code: new Uint8Array(4) });
      dump.close();
    }
    kept.close();
    console.log(terminated);
  `;

  for (const sink of ["append", "mapped"]) {
    it(`leaves dumps usable when it has opened or closed them with sink "${sink}"`, async () => {
      using directory = temporaryDirectory();
      const { stdout, stderr } = await runScript(
        directory.path,
        `import vm from "node:vm";
         import { JitDumpFile } from "${MOD}";
         const fn = { name: "f", code: new Uint8Array(16) };
         Object.assign(globalThis, { JitDumpFile, fn });
         const open = () => new JitDumpFile(path, undefined, { sink: "${sink}" });
         let [terminated, refused] = [0, 0];
         for (let i = 0; i < 150; i++) {
           globalThis.path = "${directory.path}/some-" + i + ".dump";
           globalThis.dump = undefined;
           // Moves the point of termination.
           globalThis.spin = i * 300;
           try {
             vm.runInThisContext(
               "for (let i = 0; i < spin; i++);" +
                 "for (;;) {" +
                 "  dump = new JitDumpFile(path, undefined, { sink: '${sink}' });" +
                 "  dump.dumpFunction(fn);" +
                 "  dump.close();" +
                 "  dump = undefined;" +
                 "}",
               { timeout: 1 },
             );
           } catch (error) {
             if (error.code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
             terminated++;
           }
           globalThis.dump?.close();
           try {
             const again = open();
             again.dumpFunction(fn);
             again.close();
           } catch (error) {
             if (!(error instanceof Deno.errors.Busy)) throw error;
             refused++;
           }
         }
         // A script that is terminated before it stores its dump leaves that open.
         console.log(terminated, refused < 5);`,
        ["--allow-all"],
      );
      assertEquals([stdout, stderr], ["150 true\n", ""]);
    });
  }

  for (
    const [activity, sink, loop] of [
      [
        "opened, appended to and closed",
        "append",
        "for (;;) { const dump = new JitDumpFile(path); dump.dumpFunction(fn); dump.close(); }",
      ],
      ["appended to", "append", "for (;;) kept.dumpFunction(fn);"],
      ["mapped", "mapped", "for (;;) kept.dumpFunction(fn);"],
      [
        "mapped, with large records",
        "mapped",
        "for (let i = 0; ; i++) kept.dumpFunction(i % 8 ? fn : large);",
      ],
    ] as const
  ) {
    it(`leaves dumps usable when they are ${activity}`, async () => {
      using directory = temporaryDirectory();
      const { stdout, stderr } = await runScript(
        directory.path,
        source(directory.path, sink, loop),
        ["--allow-all"],
      );
      assertEquals([stdout, stderr], ["120\n", ""]);
      for (const file of ["some.dump", "kept.dump"]) {
        const after = readLoads(join(directory.path, file))
          .filter(({ name }) => name === "after");
        assertEquals(after.length, 120, file);
      }
    });
  }
});
