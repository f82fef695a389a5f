import { assertEquals, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import {
  enoughFlags,
  MOD,
  runScript,
  temporaryDirectory,
} from "../support/script.ts";

const MIB = 1024 * 1024;

describe("the memory of a writer", () => {
  for (const name of ["function number ", "größe "]) {
    it(`stays constant when records are added with names like ${name}…`, async () => {
      using directory = temporaryDirectory();
      const { stdout, stderr } = await runScript(
        directory.path,
        `import { JitDumpFile } from "${MOD}";
       using dump = JitDumpFile.forProcess("${directory.path}");
       const code = new Uint8Array(64);
       const dumpMany = (count) => {
         for (let i = 0; i < count; i++) {
           dump.dumpFunction({ name: "${name}" + i, code });
         }
         return Deno.memoryUsage().rss;
       };
       const early = dumpMany(100_000);
       const late = dumpMany(900_000);
       console.log(JSON.stringify({ early, late }));`,
        enoughFlags(directory.path),
      );
      assertEquals(stderr, "");
      const { early, late } = JSON.parse(stdout);
      assertLess(late - early, 16 * MIB);
    });
  }
});
