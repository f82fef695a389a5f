import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { setNanoseconds } from "../src/monotonic_clock.ts";
import { Uint64 } from "../src/uint64.ts";

describe("setNanoseconds()", () => {
  it("is exact at any uptime", () => {
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
    // The values reach into the last bit, far beyond what a number holds.
    assert(largest > 2n ** 63n);
  });
});
