import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { dirname, join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { existsSync } from "node:fs";
import { compile } from "../demo/compile.ts";
import { readLoads } from "../support/parse_dump.ts";
import { run } from "../support/perf.ts";
import { projectDirectory } from "../support/script.ts";
import { itWithPerf } from "../support/with_perf.ts";

const { functions } = compile(
  Deno.readTextFileSync(new URL("../demo/program.calc", import.meta.url)),
  Deno.build.arch,
);

/** Runs `deno task demo` for half a second in a directory. */
const runDemo = (cwd: string, env: Record<string, string> = {}) =>
  run([Deno.execPath(), "task", "demo", "250"], { cwd, env });

/** Creates a directory of programs with Deno and, if given, the script `perf`. */
function makeBin(directory: string, perf?: string): string {
  const bin = join(directory, "bin");
  Deno.mkdirSync(bin);
  Deno.symlinkSync(Deno.execPath(), join(bin, "deno"));
  if (perf) Deno.writeTextFileSync(join(bin, "perf"), perf, { mode: 0o755 });
  return bin;
}

/** Returns the names of the functions in the demo's dump. */
function namesInDump(directory: string): string[] {
  const demo = join(directory, ".demo");
  const dump = [...Deno.readDirSync(demo)].find(({ name }) =>
    name.endsWith(".dump")
  )!;
  return readLoads(join(demo, dump.name)).map(({ name }) => name);
}

describe("deno task demo", () => {
  itWithPerf(
    "prints both reports, and replaces earlier files, when perf can record",
    async () => {
      using directory = projectDirectory();
      const demo = join(directory.path, ".demo");
      const earlier = ["jit-1.dump", "jitdump-profile/perf.data.old"]
        .map((name) => join(demo, name));
      for (const path of earlier) {
        Deno.mkdirSync(dirname(path), { recursive: true });
        Deno.writeTextFileSync(path, "earlier");
      }
      const { success, stdout, stderr } = await runDemo(directory.path);
      assert(success, stderr);
      // The report, the hottest function with its source, and the page.
      assertMatch(
        stdout,
        /^ *\d+\.\d\d% +\d+\.\d\d% +[\d.]+ {2}jitted +collatz /m,
      );
      assertMatch(stdout, /^\w+: \d+\.\d\d% self, /m);
      assertMatch(stdout, /^ *\d+\.\d\d% {2}\S+program\.calc:\d+ {2}/m);
      const page = stdout.match(/^The page .* is (\S+):/m)![1];
      const html = Deno.readTextFileSync(join(directory.path, page));
      assertMatch(html, /^<!doctype html>/i);
      // In perf's report, the lines of the hottest function precede their instructions.
      assertMatch(
        stdout,
        /^ +: \d+ +while .* \{\n +\d+\.\d\d : +[0-9a-f]+: /m,
      );
      for (const { name } of functions) {
        assertMatch(
          stdout,
          new RegExp(String.raw`^ +\d+\.\d\d% +\[\.\] ${name} `, "m"),
        );
      }
      for (const path of earlier) assert(!existsSync(path), path);
    },
  );

  it("prints the report and suggests an installation when perf is missing", async () => {
    using directory = projectDirectory();
    const { success, stdout, stderr } = await runDemo(directory.path, {
      PATH: makeBin(directory.path),
    });
    assert(success, stderr);
    assertStringIncludes(stdout, "perf is not installed: install the package");
    assertMatch(stdout, /main\(\d+\) = -?\d+ after/);
    assertMatch(stdout, / {2}jitted +collatz /);
    assertEquals(
      namesInDump(directory.path),
      functions.map(({ name }) => name),
    );
  });

  it("prints the report and suggests a setting when perf may not record", async () => {
    using directory = projectDirectory();
    // Fails like perf without permission to record.
    const perf =
      "#!/bin/sh\nprintf 'Error:\\nAccess is limited.\\nMore.\\n' >&2\nexit 255\n";
    const { success, stdout, stderr } = await runDemo(directory.path, {
      PATH: makeBin(directory.path, perf),
    });
    assert(success, stderr);
    assertStringIncludes(stdout, 'may not record ("Access is limited.")');
    assertStringIncludes(stdout, "kernel.perf_event_paranoid");
    assertEquals(
      namesInDump(directory.path),
      functions.map(({ name }) => name),
    );
  });
});
