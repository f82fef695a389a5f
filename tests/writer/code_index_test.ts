import { assertEquals, assertGreater, assertNotEquals } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { CodeIndices } from "../../src/writer/code_index.ts";

import { readLoads } from "../support/parse_dump.ts";
import { MOD, runScript, temporaryDirectory } from "../support/script.ts";

/** The global in which all copies of the module find the thread's counter. */
const COUNTER_KEY = Symbol.for("@jitdump/jitdump: next code index");
const globals = globalThis as unknown as Record<symbol, BigUint64Array>;

/** Returns the first indices of a source. */
function take(indices: CodeIndices, count: number): bigint[] {
  return Array.from({ length: count }, () => indices.next());
}

describe("CodeIndices", () => {
  it("has the thread id above the 42 bits of the count when it starts", () => {
    const [index] = take(new CodeIndices(0x3fffff, 0n), 1);
    assertEquals(index >> 42n, 0x3fffffn);
    assertEquals(take(new CodeIndices(1, 0n), 1)[0] >> 42n, 1n);
  });

  it("starts above earlier indices when a thread id is reused", () => {
    const kept = globals[COUNTER_KEY];
    try {
      const starts = [0n, 16n, 1_000_000_000n, 2n ** 46n].map((now) => {
        delete globals[COUNTER_KEY];
        return take(new CodeIndices(0, now), 1)[0];
      });
      assertEquals(starts, [0n, 1n, 62_500_000n, 0n]);
    } finally {
      globals[COUNTER_KEY] = kept;
    }
  });

  it("wraps when the count has 42 bits", () => {
    const counter = globals[COUNTER_KEY];
    const [count] = counter;
    try {
      const thread = 5n << 42n;
      counter[0] = 2n ** 42n - 1n;
      assertEquals(take(new CodeIndices(5, 0n), 2), [
        thread + 2n ** 42n - 1n,
        thread,
      ]);
    } finally {
      counter[0] = count;
    }
  });

  it("shares one count when a thread has loaded the module twice", async () => {
    const copy: typeof import("../../src/writer/code_index.ts") = await import(
      new URL("../../src/writer/code_index.ts?copy", import.meta.url).href
    );
    const [a] = take(new CodeIndices(1, 0n), 1);
    const [b] = take(new copy.CodeIndices(1, 0n), 1);
    const [c] = take(new CodeIndices(1, 0n), 1);
    assertEquals([b, c], [a + 1n, a + 2n]);
  });
});

describe("code indices in a process", () => {
  it("are unique when several threads write several files", async () => {
    using directory = temporaryDirectory();
    const THREADS = 4;
    const FUNCTIONS = 500;
    // Some threads run at the same time, others after them.
    const worker = join(directory.path, "worker.ts");
    Deno.writeTextFileSync(
      worker,
      `import { JitDumpFile } from "${MOD}";
       self.onmessage = ({ data }) => {
         using dump = new JitDumpFile(data);
         for (let i = 0; i < ${FUNCTIONS}; i++) {
           dump.dumpFunction({ name: "f" + i, code: new Uint8Array(4) });
         }
         self.postMessage(Deno.readLinkSync("/proc/thread-self").split("/").at(-1));
       };`,
    );
    const { stdout, stderr } = await runScript(
      directory.path,
      `for (const round of [0, 1]) {
         await Promise.all(Array.from({ length: ${THREADS} }, (_, i) => {
           const path = "${directory.path}/" + round + i + ".dump";
           const worker = new Worker("file://${worker}", { type: "module" });
           worker.postMessage(path);
           return new Promise((resolve) => worker.onmessage = ({ data }) => {
             worker.terminate();
             console.log(path + "=" + data);
             resolve();
           });
         }));
       }`,
      ["--allow-all"],
    );
    assertEquals(stderr, "");
    const indices = new Set<bigint>();
    for (const line of stdout.trim().split("\n")) {
      const [path, thread] = line.split("=");
      for (const { index, pid, tid } of readLoads(path)) {
        indices.add(index);
        assertGreater(index, 2n ** 42n);
        assertEquals(tid, Number(thread));
        assertNotEquals(tid, pid);
      }
    }
    assertEquals(indices.size, 2 * THREADS * FUNCTIONS);
  });
});
