import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";

import { type CommandLine, run } from "../support/perf.ts";
import { MOD, scriptCommand, temporaryDirectory } from "../support/script.ts";

const SECONDS_PER_YEAR = 365 * 86400;

/** Creates a time namespace, in which CLOCK_MONOTONIC is shifted. */
const after = (seconds: number): CommandLine => [
  "unshare",
  "--map-root-user",
  "--time",
  "--fork",
  ...["--monotonic", `${seconds}`],
];

const mayShift = (await run([...after(1), "true"])
  .catch(() => ({ success: false }))).success;

describe("getTimeStamp()", () => {
  const name = "returns CLOCK_MONOTONIC exactly when the uptime is years";
  if (!mayShift) {
    it.skip(`${name} (ignored: there are no time namespaces here)`, () => {});
    return;
  }
  it(name, async () => {
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
      const { stdout, stderr } = await run([...after(shift), ...script]);
      assertEquals(stderr, "");
      const [uptime, stamps] = stdout.split("\n");
      const times = stamps.split(",").map(BigInt);
      // The uptime includes the time in suspend, and is not shifted.
      assertLess(
        Number(times[0] / 1_000_000_000n) - shift,
        Number(uptime) + 1,
      );
      assertGreater(Number(times[0] / 1_000_000_000n) + 1, shift);
      // Every nanosecond counts: a number would round them.
      assert(times.every((time, i) => i === 0 || time >= times[i - 1]));
      assert(times.some((time) => time % 2n === 1n));
    }
  });
});
