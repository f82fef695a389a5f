import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { readLoads } from "./parse_dump.ts";
import { MOD, runScript, temporaryDirectory } from "./script.ts";

const WRITERS = 4;
const ROUNDS = 150;

describe("writers that open an empty file at the same moment", () => {
  it("give it one header and lose no record", async () => {
    using directory = temporaryDirectory();
    // In each round the writers start together, at a gun that they watch
    // closely, and each opens the round's file and writes one record.
    const worker = join(directory.path, "worker.ts");
    Deno.writeTextFileSync(
      worker,
      `import { JitDumpFile } from "${MOD}";
       self.onmessage = ({ data: { shared, writer } }) => {
         const [ready, gun] = [new Int32Array(shared, 0, 1), new Int32Array(shared, 4, 1)];
         for (let round = 0; round < ${ROUNDS}; round++) {
           Atomics.add(ready, 0, 1);
           while (Atomics.load(gun, 0) <= round);
           using dump = new JitDumpFile("${directory.path}/" + round + ".dump");
           dump.dumpFunction({ name: "of " + writer, code: new Uint8Array(16) });
         }
         self.postMessage("done");
       };`,
    );
    const { stdout, stderr } = await runScript(
      directory.path,
      `const shared = new SharedArrayBuffer(8);
       const [ready, gun] = [new Int32Array(shared, 0, 1), new Int32Array(shared, 4, 1)];
       const workers = Array.from({ length: ${WRITERS} }, (_, writer) => {
         const worker = new Worker("file://${worker}", { type: "module" });
         worker.postMessage({ shared, writer });
         return new Promise((resolve) => worker.onmessage = resolve);
       });
       for (let round = 0; round < ${ROUNDS}; round++) {
         while (Atomics.load(ready, 0) < ${WRITERS} * (round + 1)) {
           await new Promise((resolve) => setTimeout(resolve));
         }
         Atomics.add(gun, 0, 1);
       }
       await Promise.all(workers);
       console.log("done");
       Deno.exit();`,
      ["--allow-all"],
    );
    assertEquals([stdout, stderr], ["done\n", ""]);
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
