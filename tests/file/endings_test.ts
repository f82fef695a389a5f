import { assertEquals, assertGreater, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { itUnless, whyMissing } from "../support/it_unless.ts";
import { parseStart, readLoads } from "../support/parse_dump.ts";

import { MOD, runScript, temporaryDirectory } from "../support/script.ts";

/** Number of functions that each program dumps before its ending. */
const FUNCTIONS = 100;

/** Returns a program that dumps the functions and then runs `ending`. */
const PROGRAM = (directory: string, ending: string) => `
  import { JitDumpFile, PerfMapFile } from "${MOD}";
  const path = "${directory}/some.dump";
  const dump = new JitDumpFile(path);
  for (let i = 0; i < ${FUNCTIONS}; i++) {
    dump.dumpFunction({ name: "f" + i, code: new Uint8Array(100) });
  }
  ${ending}
`;

const names = (directory: string) =>
  readLoads(join(directory, "some.dump")).map(({ name }) => name);
const ALL = Array.from({ length: FUNCTIONS }, (_, i) => `f${i}`);

/** Source code that jumps to an unmapped address. */
const SEGMENTATION_FAULT = `
  const nowhere = Deno.UnsafePointer.create(16n);
  new Deno.UnsafeFnPointer(nowhere, { parameters: [], result: "void" }).call();
`;

/** A condition, the code that causes it, the exit status, and the expected stderr. */
const ENDINGS: [string, string, number, RegExp][] = [
  ["it returns without closing the dump", "", 0, /^$/],
  ["it calls Deno.exit()", "Deno.exit(7);", 7, /^$/],
  ["it throws", `throw new Error("gone");`, 1, /gone/],
  ["a promise is rejected", `Promise.reject(new Error("gone"));`, 1, /gone/],
  ["it receives SIGTERM", `Deno.kill(Deno.pid, "SIGTERM");`, 128 + 15, /^$/],
  ["it receives SIGKILL", `Deno.kill(Deno.pid, "SIGKILL");`, 128 + 9, /^$/],
  [
    "jitted code causes a segmentation fault",
    SEGMENTATION_FAULT,
    128 + 11,
    /^$/,
  ],
  ["it calls process.abort()", "process.abort();", 128 + 6, /^$/],
];

describe("a program that ends", () => {
  for (const [condition, ending, code, expectedStderr] of ENDINGS) {
    it(`keeps every function when ${condition}`, async () => {
      using directory = temporaryDirectory();
      const outcome = await runScript(
        directory.path,
        PROGRAM(directory.path, ending),
        ["--allow-all"],
      );
      assertEquals(outcome.code, code);
      assertMatch(outcome.stderr, expectedStderr);
      assertEquals(names(directory.path), ALL);
    });
  }

  /**
   * Source code that opens a perf map. After all other `unload` listeners, it prints how
   * many of the program's files are open, and whether one is mapped.
   */
  const WATCH = `
    const map = new PerfMapFile(path + ".map");
    addEventListener("unload", () => {
      const open = [...Deno.readDirSync("/proc/self/fd")].map(({ name }) => {
        try {
          return Deno.readLinkSync("/proc/self/fd/" + name);
        } catch {
          return "";
        }
      });
      const maps = Deno.readTextFileSync("/proc/self/maps");
      console.log(open.filter((file) => file.startsWith(path)).length, maps.includes(path));
    });
  `;
  for (
    const [condition, ending] of [
      ["it returns", ""],
      ["it calls Deno.exit()", "Deno.exit();"],
    ]
  ) {
    it(`closes its dump and perf map when ${condition}`, async () => {
      using directory = temporaryDirectory();
      const { stdout, stderr } = await runScript(
        directory.path,
        PROGRAM(directory.path, WATCH + ending),
        ["--allow-all"],
      );
      assertEquals([stdout, stderr], ["0 false\n", ""]);
    });
  }

  it("exits normally when closing the dump fails", async () => {
    using directory = temporaryDirectory();
    // The program closes the dump's descriptor through libc.
    const { code, stderr } = await runScript(
      directory.path,
      PROGRAM(
        directory.path,
        `const { symbols } = Deno.dlopen("libc.so.6", {
           close: { parameters: ["i32"], result: "i32" },
         });
         symbols.close(dump.fd);`,
      ),
      ["--allow-all"],
    );
    assertEquals([code, stderr], [0, ""]);
  });

  it("keeps every function when a worker ends", async () => {
    using directory = temporaryDirectory();
    for (
      const [i, ending] of [
        "self.close();",
        `throw new Error("gone");`,
        `self.postMessage("terminate");`,
      ].entries()
    ) {
      const workerDirectory = join(directory.path, `${i}`);
      Deno.mkdirSync(workerDirectory);
      const worker = join(workerDirectory, "worker.ts");
      Deno.writeTextFileSync(worker, PROGRAM(workerDirectory, ending));
      const { stdout, stderr } = await runScript(
        directory.path,
        `const worker = new Worker("file://${worker}", { type: "module" });
         worker.onerror = (event) => event.preventDefault();
         worker.onmessage = () => worker.terminate();
         globalThis.onunload = () => console.log("over");`,
        ["--allow-all"],
      );
      assertEquals(stdout, "over\n");
      assertMatch(stderr, i === 1 ? /gone/ : /^$/);
      assertEquals(names(workerDirectory), ALL);
    }
  });
});

const noPrlimit = await whyMissing("prlimit");

describe("SIGXFSZ", () => {
  itUnless(
    noPrlimit,
    "ends a program at its file size limit unless it has a listener",
    async () => {
      const GROW = `
      new Deno.Command("prlimit", {
        args: ["--pid", String(Deno.pid), "--fsize=65536:unlimited"],
      }).outputSync();
      try {
        for (;;) dump.dumpFunction({ name: "more", code: new Uint8Array(100) });
      } catch (error) {
        console.log(error.code);
      }
    `;
      const run = async (ending: string) => {
        const directory = temporaryDirectory();
        const { signal, stdout } = await runScript(
          directory.path,
          PROGRAM(directory.path, ending),
          ["--allow-all"],
        );
        // A program that is killed leaves a partial record.
        const bytes = Deno.readFileSync(join(directory.path, "some.dump"));
        const count = parseStart(bytes).records.length;
        directory[Symbol.dispose]();
        return { signal, stdout, count };
      };
      const killed = await run(GROW);
      assertEquals([killed.signal, killed.stdout], ["SIGXFSZ", ""]);
      assertGreater(killed.count, FUNCTIONS);
      const alive = await run(
        `Deno.addSignalListener("SIGXFSZ", () => {}); ${GROW} Deno.exit();`,
      );
      assertEquals([alive.signal, alive.stdout], [null, "EFBIG\n"]);
      assertEquals(alive.count, killed.count);
    },
  );
});
