import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { describe } from "@std/testing/bdd";
import { jitdumpCommand } from "../support/jitdump.ts";
import { run, runOrThrow } from "../support/perf.ts";
import { temporaryDirectory } from "../support/script.ts";
import { itWithRecorder } from "../support/with_recorder.ts";

const jitdump = (...args: string[]) => jitdumpCommand(["--allow-all"], ...args);

/** A program whose types Deno removes: its line 7 is the fourth that is generated. */
const PROGRAM = `interface Options {
  readonly modulus: number;
}
function hot({ modulus }: Options, n: number) {
  let x = 0;
  for (let i = 0; i < n; i++) {
    x = (x * 31 + i) % modulus;
  }
  return x;
}
for (let i = 0; i < 50; i++) hot({ modulus: 1000003 }, 1_000_000);
`;

describe("jitdump record --v8", () => {
  itWithRecorder(
    "records code that Deno has generated when the report needs the lines of its source",
    async () => {
      using directory = temporaryDirectory();
      const script = join(directory.path, "script.ts");
      const url = `file://${script}`;
      Deno.writeTextFileSync(script, PROGRAM);
      const out = join(directory.path, "out");
      await runOrThrow(jitdump(
        ...["record", "--v8", "--event", "cpu-clock:u", "--out", out, "--"],
        ...[Deno.execPath(), "run", "--no-config", script],
      ));
      // Neither the source nor Deno's cache is needed.
      Deno.removeSync(script);
      const hottest = async (...options: string[]) =>
        (await run(jitdump(
          ...["report", out, "--category", "javascript", ...options],
        ))).stdout.match(/\d {2}(\S+:\d+) {2}/)?.[1];
      assertEquals(await hottest("--lines", "--limit", "1"), `${url}:7`);
      const { stdout } = await run(jitdump("report", out));
      assertMatch(stdout, /hot file:\S+script\.ts:4:\d+ /);
      const annotated = await run(jitdump("report", out, "--annotate", "hot"));
      assertMatch(annotated.stdout, /script\.ts:7 {2}x = \(x \* 31 \+ i\)/);
      const [start] = Deno.readDirSync(join(out, "dumps"));
      Deno.removeSync(join(out, "dumps", start.name, "emitted"), {
        recursive: true,
      });
      const unmapped = await run(jitdump("report", out, "--lines"));
      assertMatch(unmapped.stdout, /script\.ts \(generated\):4 /);
    },
  );
});
