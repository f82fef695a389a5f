import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { describe } from "@std/testing/bdd";
import {
  type Totals,
  totalsInCollapsed,
  totalsInFirefox,
  totalsInJson,
  totalsInPprof,
  totalsInSpeedscope,
} from "../support/file_totals.ts";
import { jitdumpCommand } from "../support/jitdump.ts";
import { runOrThrow } from "../support/perf.ts";
import { demoCommand } from "../support/profile.ts";
import { temporaryDirectory } from "../support/script.ts";
import { itWithRecorder } from "../support/with_recorder.ts";

/** Argument with which the demo runs for a quarter of a second. */
const SCALE = "100";

/** The functions of the demo that have samples. */
const HOT = ["fib", "collatz", "gcd", "polynomial_sum", "main"];

async function jitdump(...args: string[]): Promise<string> {
  const { stdout } = await runOrThrow(
    jitdumpCommand(["--allow-all"], ...args),
  );
  return stdout;
}

/** Returns the self weights. Functions of several files can have the same name. */
const selfOf = (totals: Totals): Record<string, number> =>
  Object.fromEntries(
    Object.entries(totals).map(([name, [self]]) => [name, self])
      .filter(([, self]) => self !== 0),
  );

/** Returns the weights of the demo's functions. */
const hotOf = (totals: Totals) => HOT.map((name) => totals[name]);

describe("the files of jitdump report", () => {
  itWithRecorder(
    "have the weights of the table when a program was recorded",
    async () => {
      using directory = temporaryDirectory();
      const out = join(directory.path, "out");
      const demo = demoCommand(directory.path, SCALE);
      await jitdump(
        ...["record", "--event", "cpu-clock:u", "--out", out, "--", ...demo],
      );
      const report = (...options: string[]) =>
        jitdump("report", out, ...options);
      const json = JSON.parse(await report("--json"));
      const expected = totalsInJson(json);
      const sum = Object.values(selfOf(expected))
        .reduce((sum, self) => sum + self, 0);
      assertEquals(sum, json.weight);
      for (const [self, total] of hotOf(expected)) {
        assert(0 < self && self <= total);
      }
      const table = await report("--limit", "100000");
      const rows = Array.from(
        table.matchAll(/% +([\d.]+) {2}jitted {6}(\w+) /g),
        ([, ms, name]) => [name, ms],
      );
      assertEquals(
        Object.fromEntries(rows.filter(([name]) => HOT.includes(name))),
        Object.fromEntries(
          HOT.map((name) => [name, (expected[name][0] / 1e6).toFixed(1)]),
        ),
      );
      const pprof = join(directory.path, "profile.pb.gz");
      await report("--pprof", pprof);
      const files = [
        totalsInCollapsed(
          (await report("--collapsed", "-")).trim().split("\n"),
        ),
        totalsInSpeedscope(JSON.parse(await report("--speedscope", "-"))),
        totalsInFirefox(JSON.parse(await report("--firefox", "-"))),
        await totalsInPprof(Deno.readFileSync(pprof)),
      ];
      for (const totals of files) {
        assertEquals(selfOf(totals), selfOf(expected));
        assertEquals(hotOf(totals), hotOf(expected));
      }
    },
  );
});
