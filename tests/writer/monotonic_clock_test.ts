import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { describe } from "@std/testing/bdd";

import { itUnless } from "../support/it_unless.ts";
import { run } from "../support/perf.ts";
import { MOD, scriptCommand, temporaryDirectory } from "../support/script.ts";
import {
  noTimeNamespace,
  withShiftedClock,
} from "../support/time_namespace.ts";

const SECONDS_PER_YEAR = 365 * 86400;

describe("getTimeStamp()", () => {
  const name = "returns exact nanoseconds when the uptime is up to 100 years";
  itUnless(noTimeNamespace, name, async () => {
    for (const years of [0, 1, 100]) {
      using directory = temporaryDirectory();
      const shift = years * SECONDS_PER_YEAR;
      const script = scriptCommand(
        directory.path,
        `import { JitDumpFile } from "${MOD}";
         using dump = JitDumpFile.forProcess("${directory.path}");
         const stamps = Array.from({ length: 1000 }, () => dump.getTimeStamp());
         console.log(Deno.readTextFileSync("/proc/uptime").split(" ")[0]);
         console.log(stamps.join());`,
        ["--allow-all"],
      );
      const { stdout, stderr } = await run(withShiftedClock(shift, script));
      assertEquals(stderr, "");
      const [uptime, stamps] = stdout.split("\n");
      const times = stamps.split(",").map(BigInt);
      // The uptime includes the time in suspend, and is not shifted.
      assertLess(
        Number(times[0] / 1_000_000_000n) - shift,
        Number(uptime) + 1,
      );
      assertGreater(Number(times[0] / 1_000_000_000n) + 1, shift);
      // A number would round the nanoseconds to even ones.
      assert(times.every((time, i) => i === 0 || time >= times[i - 1]));
      assert(times.some((time) => time % 2n === 1n));
    }
  });
});
