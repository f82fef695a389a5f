import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { readLoads } from "../support/parse_dump.ts";
import { MOD, runScript, temporaryDirectory } from "../support/script.ts";

const FFI = new URL("../../ffi/", import.meta.url).href;
const SRC = new URL("../../src/", import.meta.url).href;

describe("ProcessTable", () => {
  it("is one for all threads, also where its first place is taken", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    const worker = join(directory.path, "worker.ts");
    Deno.writeTextFileSync(
      worker,
      `import { JitDumpFile } from "${MOD}";
       const dump = new JitDumpFile("${path}");
       dump.dumpFunction({ name: self.name, code: new Uint8Array(16) });
       self.postMessage("up");
       setInterval(() => {}, 1000);`,
    );
    // The place is known to who is in the process; something that nobody can read is
    // put there, before the first dump is opened or, in a second run, behind it.
    const source = (isFirst: boolean) => `
      import { JitDumpFile } from "${MOD}";
      import { openLibc } from "${FFI}libc.ts";
      import { processMark } from "${SRC}file/process_mark.ts";
      const libc = openLibc().symbols;
      const first = 1n << 37n, end = 1n << (Deno.build.arch === "aarch64" ? 38n : 46n);
      const step = 1n << 20n, places = (end - first) / step;
      const place = first + processMark(libc, 2n, 0n) % places * step;
      const [NONE, PRIVATE_ANONYMOUS_FIXED_NOREPLACE] = [0, 0x100022];
      const take = () => libc.mmap(place, 1n << 20n, NONE, PRIVATE_ANONYMOUS_FIXED_NOREPLACE, -1, 0n);
      const taken = ${isFirst} ? take() : undefined;
      const start = async (name) => {
        const worker = new Worker("file://${worker}", { type: "module", name });
        await new Promise((resolve) => worker.onmessage = resolve);
        return worker;
      };
      const dump = new JitDumpFile("${path}");
      if (!${isFirst}) console.log(take() !== place);
      else {
        console.log(taken === place);
        await start("one");
        // What was in the way is gone; the table stays where it is.
        libc.munmap(place, 1n << 20n);
      }
      await start("two");
      dump.dumpFunction({ name: "main", code: new Uint8Array(16) });
      const maps = Deno.readTextFileSync("/proc/self/maps");
      console.log(maps.split("${path}").length - 1);
      Deno.exit();`;
    for (
      const [isFirst, names] of [
        [true, ["one", "two", "main"]],
        [false, ["two", "main"]],
      ] as const
    ) {
      const { stdout, stderr } = await runScript(
        directory.path,
        source(isFirst),
        ["--allow-all"],
      );
      assertEquals([stdout, stderr], ["true\n1\n", ""]);
      assertEquals(readLoads(path).map(({ name }) => name), [...names]);
    }
  });

  it("keeps nobody waiting for a script that V8 has ended anywhere", async () => {
    using directory = temporaryDirectory();
    const worker = join(directory.path, "worker.ts");
    Deno.writeTextFileSync(
      worker,
      `import { JitDumpFile } from "${MOD}";
       const start = performance.now();
       const dump = new JitDumpFile("${directory.path}/some.dump");
       dump.dumpFunction({ name: "worker", code: new Uint8Array(16) });
       dump.close();
       // A lock that is not given back is waited for for 5 s.
       self.postMessage(performance.now() - start < 4000);`,
    );
    // A timeout of node:vm runs no `finally`: in one of the rounds it ends a script
    // between the taking of a lock and its giving back.
    const { stdout, stderr } = await runScript(
      directory.path,
      `import vm from "node:vm";
       import { JitDumpFile } from "${MOD}";
       const path = "${directory.path}/some.dump";
       const fn = { name: "f", code: new Uint8Array(16) };
       const d = new JitDumpFile(path);
       Object.assign(globalThis, { d, fn });
       let count = 0;
       for (let i = 0; i < 60; i++) {
         try {
           vm.runInThisContext("for(;;) d.dumpFunction(fn)", { timeout: 1 + i % 4 });
         } catch {}
         d.dumpFunction({ name: "after", code: new Uint8Array(4) });
       }
       const worker = new Worker("file://${worker}", { type: "module" });
       const { data } = await new Promise((resolve) => worker.onmessage = resolve);
       console.log(data ? "at once" : "late");
       Deno.exit();`,
      ["--allow-all"],
    );
    assertEquals([stdout, stderr], ["at once\n", ""]);
    const names = readLoads(join(directory.path, "some.dump"))
      .map(({ name }) => name);
    assertEquals(names.filter((name) => name === "after").length, 60);
    assertEquals(names.at(-1), "worker");
  });

  it("keeps no thread waiting long for a script that V8 has ended in another", async () => {
    using directory = temporaryDirectory();
    const worker = join(directory.path, "worker.ts");
    Deno.writeTextFileSync(
      worker,
      `import { JitDumpFile } from "${MOD}";
       for (const name of ["some", "other"]) {
         using dump = new JitDumpFile("${directory.path}/" + name + ".dump");
         dump.dumpFunction({ name: "worker", code: new Uint8Array(16) });
       }
       self.postMessage("done");`,
    );
    // As such a script may leave them.
    const { stdout, stderr } = await runScript(
      directory.path,
      `import { JitDumpFile } from "${MOD}";
       import { openLibc } from "${FFI}libc.ts";
       import { ProcessTable } from "${SRC}file/process_table.ts";
       import { pathStatus } from "${FFI}status.ts";
       const libc = openLibc().symbols;
       const path = "${directory.path}/some.dump";
       const dump = new JitDumpFile(path);
       const row = ProcessTable.ofProcess(libc).find(pathStatus(libc, path));
       // Nothing is given back: the thread has the file alone, and does nothing more.
       const { pthread_rwlock_unlock, pthread_mutex_unlock } = libc;
       Object.assign(libc, { pthread_rwlock_unlock: () => 0, pthread_mutex_unlock: () => 0 });
       row.exclusively(() => {});
       Object.assign(libc, { pthread_rwlock_unlock, pthread_mutex_unlock });
       const worker = new Worker("file://${worker}", { type: "module" });
       await new Promise((resolve) => worker.onmessage = resolve);
       // And here is no waiting at all.
       dump.dumpFunction({ name: "main", code: new Uint8Array(16) });
       console.log("done");
       Deno.exit();`,
      ["--allow-all"],
    );
    assertEquals([stdout, stderr], ["done\n", ""]);
  });

  it("holds hundreds of files, and gives their rows to others", async () => {
    using directory = temporaryDirectory();
    const { stdout, stderr } = await runScript(
      directory.path,
      `import { JitDumpFile } from "${MOD}";
       for (const round of [1, 2]) {
         const dumps = Array.from({ length: 600 }, (_, i) =>
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
