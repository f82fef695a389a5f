import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { type Outcome, run } from "../support/perf.ts";
import { temporaryDirectory } from "../support/script.ts";

const WITH_PERF = new URL("../support/with_perf.ts", import.meta.url).href;

/** Runs a test that needs perf, in a process whose PATH contains no programs. */
async function runWithoutPerf(ci: string): Promise<Outcome> {
  using directory = temporaryDirectory();
  const file = (name: string, text: string) => {
    const path = join(directory.path, name);
    Deno.writeTextFileSync(path, text);
    return path;
  };
  const importMap = file(
    "import_map.json",
    `{ "imports": { "@std/testing/bdd": "node:test" } }`,
  );
  const test = file(
    "some_test.ts",
    `import { itWithPerf } from "${WITH_PERF}";
     itWithPerf("does something", () => Promise.resolve());`,
  );
  return await run(
    [
      Deno.execPath(),
      "test",
      "--allow-all",
      "--no-check",
      "--no-config",
      `--import-map=${importMap}`,
      test,
    ],
    { env: { PATH: directory.path, CI: ci, NO_COLOR: "1" } },
  );
}

describe("itWithPerf() without perf", () => {
  it("ignores the test and prints the reason when CI is not set", async () => {
    const { success, stdout } = await runWithoutPerf("");
    assert(success, stdout);
    assertMatch(
      stdout,
      /does something \(ignored: perf is not installed: install .*\) \.\.\. ignored/,
    );
  });

  it("fails with the reason when CI=true is set", async () => {
    const { success, stdout } = await runWithoutPerf("true");
    assertEquals(success, false);
    assertMatch(stdout, /does something \.\.\. FAILED/);
    assertMatch(stdout, /Error: perf is not installed: install/);
  });
});
