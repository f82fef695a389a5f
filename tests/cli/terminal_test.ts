import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { itUnless, whyMissing } from "../support/it_unless.ts";
import { jitdumpCommand } from "../support/jitdump.ts";
import { run } from "../support/perf.ts";
import { quote } from "../support/quote.ts";
import { recordFunctions } from "../support/record_functions.ts";
import { temporaryDirectory } from "../support/script.ts";

const noScript = await whyMissing("script");

const NAME = "a_function_with_a_rather_long_name";

/** Returns the shell command of `jitdump report` on a recording in a directory. */
function reportIn(directory: string): string {
  const recording = join(directory, "recording");
  recordFunctions(recording, [{ chain: [NAME, "main"] }]);
  return quote(...jitdumpCommand(["--allow-read"], "report", recording));
}

/** Returns the lines of `jitdump report` on a terminal with this number of columns. */
async function onTerminal(columns: number): Promise<string[]> {
  using directory = temporaryDirectory();
  const command = `stty cols ${columns}; ${reportIn(directory.path)} 2>&1`;
  const { stdout } = await run(["script", "-qec", command, "/dev/null"]);
  return stdout.replaceAll("\r", "").trimEnd().split("\n");
}

describe("the table of jitdump report on a terminal", () => {
  itUnless(
    noScript,
    "is not truncated when the terminal has no width",
    async () => {
      assertStringIncludes((await onTerminal(0)).join("\n"), NAME);
    },
  );

  itUnless(noScript, "is truncated when the terminal is narrow", async () => {
    const lines = (await onTerminal(10))
      .filter((line) => !line.startsWith("jitdump report: "));
    assert(lines.some((line) => line.endsWith("…")));
    for (const line of lines) assert(line.length <= 10, line);
  });
});

describe("jitdump report with a pipe as its output", () => {
  it("exits with 0 when the reader has ended", async () => {
    using directory = temporaryDirectory();
    const command = reportIn(directory.path);
    for (const options of ["", "--json", "--collapsed -", "--firefox -"]) {
      const { code, stderr } = await run([
        ...["bash", "-c"],
        `set -o pipefail; ${command} ${options} | true`,
      ] as unknown as [string, ...string[]]);
      assertEquals(code, 0, stderr);
      assert(!/broken pipe/i.test(stderr), stderr);
    }
  });
});
