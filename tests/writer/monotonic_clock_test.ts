import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { setNanoseconds } from "../../src/writer/monotonic_clock.ts";
import { Uint64 } from "../../src/writer/uint64.ts";
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

describe("setNanoseconds()", () => {
  it("is exact when the uptime needs more than 53 bits", () => {
    const year = 365 * 86400;
    const seconds = [0, 1, 4, 5, 65535, 65536, 9007199, 9007200, 104 * 86400];
    for (let years = 1; years <= 584; years += 7) seconds.push(years * year);
    let largest = 0n;
    for (const s of seconds) {
      for (const ns of [0, 1, 294967295, 294967296, 999_999_999]) {
        const into = new Uint64();
        setNanoseconds(into, s, ns);
        const expected = BigInt(s) * 1_000_000_000n + BigInt(ns);
        assertEquals(into.value, expected, `${s} s ${ns} ns`);
        if (expected > largest) largest = expected;
      }
    }
    // The values need all bits, far more than a number has.
    assert(largest > 2n ** 63n);
  });
});

describe("getTimeStamp()", () => {
  const name = "is CLOCK_MONOTONIC, and exact after years";
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
