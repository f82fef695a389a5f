import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { JitDumpFile } from "../../mod.ts";
import { readLoads } from "../support/parse_dump.ts";
import { injectCommand, recordCommand, runOrThrow } from "../support/perf.ts";
import { runRace } from "../support/thread_race.ts";
import {
  enoughFlags,
  MOD,
  runScript,
  scriptCommand,
  temporaryDirectory,
} from "../support/script.ts";
import { itWithPerf } from "../support/with_perf.ts";
import { mappingsOn } from "../support/open_files.ts";

const WRITERS = 4;
const ROUNDS = 150;

describe("writers of one file", () => {
  it("write one header and lose no record when they open it at the same time", async () => {
    using directory = temporaryDirectory();
    await runRace(directory.path, {
      threads: WRITERS,
      rounds: ROUNDS,
      body: `
        using dump = new JitDumpFile("${directory.path}/" + round + ".dump");
        dump.dumpFunction({ name: "of " + thread, code: new Uint8Array(16) });`,
    });
    for (let round = 0; round < ROUNDS; round++) {
      const names = readLoads(join(directory.path, `${round}.dump`))
        .map(({ name }) => name).toSorted();
      assertEquals(
        names,
        Array.from({ length: WRITERS }, (_, writer) => `of ${writer}`),
      );
    }
  });
});

describe("the marker of a file", () => {
  it("stays mapped once when other writers are still open", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    const dumps = Array.from({ length: 5 }, () => new JitDumpFile(path));
    for (const closed of [2, 0, 4, 1]) {
      assertEquals(mappingsOn(path).length, 1);
      dumps[closed].close();
    }
    assertEquals(mappingsOn(path).length, 1);
    dumps[3].close();
    assertEquals(mappingsOn(path).length, 0);
  });

  it("is separate when there are many files", () => {
    using directory = temporaryDirectory();
    const paths = Array.from(
      { length: 200 },
      (_, i) => join(directory.path, `${i}.dump`),
    );
    const dumps = paths.map((path) => new JitDumpFile(path));
    for (const path of paths) assertEquals(mappingsOn(path).length, 1);
    dumps.forEach((dump) => dump.close());
    assertEquals(mappingsOn(directory.path).length, 0);
  });

  it("stays mapped when the worker that mapped it is terminated", async () => {
    using directory = temporaryDirectory();
    const worker = join(directory.path, "worker.ts");
    const path = join(directory.path, "some.dump");
    Deno.writeTextFileSync(
      worker,
      `import { JitDumpFile } from "${MOD}";
       const dump = new JitDumpFile("${path}");
       dump.dumpFunction({ name: "of " + self.name, code: new Uint8Array(16) });
       self.postMessage("up");
       self.onmessage = () => self.close();`,
    );
    const { stdout, stderr } = await runScript(
      directory.path,
      `import { JitDumpFile } from "${MOD}";
       const markers = () =>
         Deno.readTextFileSync("/proc/self/maps").split("${path}").length - 1;
       const start = async (name) => {
         const worker = new Worker("file://${worker}", { type: "module", name });
         await new Promise((resolve) => worker.onmessage = resolve);
         return worker;
       };
       const soon = () => new Promise((resolve) => setTimeout(resolve, 100));
       const seen = [];
       // The first writer maps the marker.
       const terminated = await start("terminated");
       const ended = await start("ended");
       const dump = new JitDumpFile("${path}");
       seen.push(markers());
       terminated.terminate();
       await soon();
       seen.push(markers());
       ended.postMessage("end");
       await soon();
       seen.push(markers());
       dump.dumpFunction({ name: "of main", code: new Uint8Array(16) });
       new JitDumpFile("${path}").close();
       seen.push(markers());
       console.log(seen.join());`,
      ["--allow-all"],
    );
    assertEquals([stdout, stderr], ["1,1,1,1\n", ""]);
    assertEquals(
      readLoads(path).map(({ name }) => name),
      ["of terminated", "of ended", "of main"],
    );
  });

  it("is mapped once when several threads open and close the dump", async () => {
    using directory = temporaryDirectory();
    const worker = join(directory.path, "worker.ts");
    const path = join(directory.path, "some.dump");
    Deno.writeTextFileSync(
      worker,
      `import { JitDumpFile } from "${MOD}";
       let wrong = 0;
       for (let round = 0; round < 150; round++) {
         using dump = new JitDumpFile("${path}");
         dump.dumpFunction({ name: self.name + " " + round, code: new Uint8Array(16) });
         const maps = Deno.readTextFileSync("/proc/self/maps");
         if (maps.split("${path}").length !== 2) wrong++;
       }
       self.postMessage(wrong);`,
    );
    const { stdout, stderr } = await runScript(
      directory.path,
      `const wrong = await Promise.all(Array.from({ length: 4 }, (_, i) =>
         new Promise((resolve) => {
           const worker = new Worker("file://${worker}", { type: "module", name: "of " + i });
           worker.onmessage = ({ data }) => resolve(data);
         })
       ));
       const maps = Deno.readTextFileSync("/proc/self/maps");
       console.log(wrong.join(), maps.includes("${path}"));
       Deno.exit();`,
      ["--allow-all"],
    );
    assertEquals([stdout, stderr], ["0,0,0,0 false\n", ""]);
    assertEquals(
      new Set(readLoads(path).map(({ name }) => name)).size,
      4 * 150,
    );
  });

  itWithPerf(
    "makes perf read the dump once when workers have written it",
    async () => {
      using directory = temporaryDirectory();
      const worker = join(directory.path, "worker.ts");
      Deno.writeTextFileSync(
        worker,
        `import { JitDumpFile } from "${MOD}";
       using dump = JitDumpFile.forProcess("${directory.path}");
       dump.dumpFunction({ name: "of " + self.name, code: new Uint8Array(16) });
       self.postMessage("done");`,
      );
      const script = scriptCommand(
        directory.path,
        `import { JitDumpFile } from "${MOD}";
       using first = JitDumpFile.forProcess("${directory.path}");
       await Promise.all(["a", "b", "c"].map((name) => new Promise((resolve) => {
         const worker = new Worker("file://${worker}", { type: "module", name });
         worker.onmessage = () => { worker.terminate(); resolve(); };
       })));
       using second = JitDumpFile.forProcess("${directory.path}");
       second.dumpFunction({ name: "of main", code: new Uint8Array(16) });
       console.log(Deno.pid);`,
        [
          ...enoughFlags(directory.path),
          "--allow-read", // for the imports of workers
        ],
      );
      const data = join(directory.path, "perf.data");
      const { stdout } = await runOrThrow(recordCommand(data, script));
      const [program, ...args] = injectCommand(data, `${data}.jit`);
      const { stderr } = await runOrThrow([program, ...args, "-v"]);
      const dump = `jit-${stdout.trim()}.dump`;
      assertEquals(
        stderr.split("\n").filter((line) =>
          line.includes(dump) && line.startsWith("injecting")
        ).length,
        1,
        stderr,
      );
      const images = [...Deno.readDirSync(directory.path)]
        .filter(({ name }) => name.endsWith(".so"));
      assertEquals(images.length, 4);
    },
  );
});
