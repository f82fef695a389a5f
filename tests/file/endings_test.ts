import { assertEquals, assertGreater, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { itUnless } from "../support/it_unless.ts";
import { parseStart, readLoads } from "../support/parse_dump.ts";
import { isInstalled } from "../support/perf.ts";
import {
  MOD,
  runScript,
  scriptCommand,
  temporaryDirectory,
} from "../support/script.ts";

/** Dumps so many functions and goes on with `ending`. */
const FUNCTIONS = 100;
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

/** Jumps to an address at which there is nothing. */
const SEGMENTATION_FAULT = `
  const nowhere = Deno.UnsafePointer.create(16n);
  new Deno.UnsafeFnPointer(nowhere, { parameters: [], result: "void" }).call();
`;

/** An ending, the exit status, and what is said on stderr. */
const ENDINGS: [string, string, number, RegExp][] = [
  ["by itself, the dump forgotten", "", 0, /^$/],
  ["by Deno.exit()", "Deno.exit(7);", 7, /^$/],
  ["by an exception", `throw new Error("gone");`, 1, /gone/],
  ["by a rejection", `Promise.reject(new Error("gone"));`, 1, /gone/],
  ["by SIGTERM", `Deno.kill(Deno.pid, "SIGTERM");`, 128 + 15, /^$/],
  ["by SIGKILL", `Deno.kill(Deno.pid, "SIGKILL");`, 128 + 9, /^$/],
  [
    "by a segmentation fault in jitted code",
    SEGMENTATION_FAULT,
    128 + 11,
    /^$/,
  ],
  ["by process.abort()", "process.abort();", 128 + 6, /^$/],
];

describe("a program that ends", () => {
  for (const [what, ending, code, said] of ENDINGS) {
    it(`${what}: leaves every function`, async () => {
      using directory = temporaryDirectory();
      const [program, ...args] = scriptCommand(
        directory.path,
        PROGRAM(directory.path, ending),
        ["--allow-all"],
      );
      const outcome = await new Deno.Command(program, { args, stdin: "null" })
        .output();
      assertEquals(outcome.code, code);
      assertMatch(new TextDecoder().decode(outcome.stderr), said);
      assertEquals(names(directory.path), ALL);
    });
  }

  /** Prints, last of all that listens for the end, what is open still. */
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
    const [what, ending] of [
      ["by itself", ""],
      ["by Deno.exit()", "Deno.exit();"],
    ]
  ) {
    it(`${what}: closes dump and map`, async () => {
      using directory = temporaryDirectory();
      const { stdout, stderr } = await runScript(
        directory.path,
        PROGRAM(directory.path, WATCH + ending),
        ["--allow-all"],
      );
      assertEquals([stdout, stderr], ["0 false\n", ""]);
    });
  }

  it("in the same way where closing fails", async () => {
    using directory = temporaryDirectory();
    // Its descriptor has been closed behind its back.
    const [program, ...args] = scriptCommand(
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
    const { code, stderr } = await new Deno.Command(program, { args }).output();
    assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  });

  it("in a worker: leaves every function", async () => {
    using directory = temporaryDirectory();
    for (
      const [i, ending] of [
        "self.close();",
        `throw new Error("gone");`,
        `self.postMessage("terminate");`,
      ].entries()
    ) {
      const place = join(directory.path, `${i}`);
      Deno.mkdirSync(place);
      const worker = join(place, "worker.ts");
      Deno.writeTextFileSync(worker, PROGRAM(place, ending));
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
      assertEquals(names(place), ALL);
    }
  });
});

const noPrlimit = await isInstalled("prlimit")
  ? undefined
  : "there is no prlimit";

describe("SIGXFSZ", () => {
  itUnless(
    noPrlimit,
    "kills a program beyond its file size limit unless it listens",
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
        const [program, ...args] = scriptCommand(
          directory.path,
          PROGRAM(directory.path, ending),
          ["--allow-all"],
        );
        const { signal, stdout } = await new Deno.Command(program, { args })
          .output();
        // A program that is killed leaves a part of the record that found no room.
        const bytes = Deno.readFileSync(join(directory.path, "some.dump"));
        const there = parseStart(bytes).records.length;
        directory[Symbol.dispose]();
        return { signal, stdout: new TextDecoder().decode(stdout), there };
      };
      const killed = await run(GROW);
      assertEquals([killed.signal, killed.stdout], ["SIGXFSZ", ""]);
      assertGreater(killed.there, FUNCTIONS);
      const alive = await run(
        `Deno.addSignalListener("SIGXFSZ", () => {}); ${GROW} Deno.exit();`,
      );
      assertEquals([alive.signal, alive.stdout], [null, "EFBIG\n"]);
      assertEquals(alive.there, killed.there);
    },
  );
});
