import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { jitdump } from "../support/jitdump.ts";
import { recordFunctions } from "../support/record_functions.ts";
import { temporaryDirectory } from "../support/script.ts";

/** Records samples of functions, by their names, in a new directory. */
const record = (path: string, samples: Record<string, number>) =>
  recordFunctions(
    path,
    Object.entries(samples).flatMap(([name, count]) =>
      Array(count).fill({ chain: [name] })
    ),
  );

describe("jitdump diff", () => {
  it("prints changed, new and missing functions when it gets two recordings", async () => {
    using directory = temporaryDirectory();
    const [a, b] = ["a", "b"].map((name) => join(directory.path, name));
    record(a, { fib: 60, gcd: 40 });
    record(b, { gcd: 80, main: 20 });
    const { code, stdout, stderr } = await jitdump(["diff", a, b]);
    assertEquals(code, 0, stderr);
    const [first, second, chance, head, ...rows] = stdout.trim().split("\n");
    assertMatch(first, /a: 100 samples of cpu-clock, 100\.0 ms$/);
    assertMatch(second, /b: 100 samples of cpu-clock, 100\.0 ms$/);
    assertMatch(chance, /changes below 14\.14 can be due to chance/);
    assertEquals(head.trim().split(/ +/), [
      ...["before", "after", "change", "ms", "category", "function"],
    ]);
    assertEquals(rows.map((row) => row.trim().split(/ +/)), [
      ["60.00%", "gone", "-60.00", "-60.0", "jitted", "fib"],
      ["40.00%", "80.00%", "+40.00", "+40.0", "jitted", "gcd"],
      ["new", "20.00%", "+20.00", "+20.0", "jitted", "main"],
    ]);
  });

  it("prints no function when both recordings are the same", async () => {
    using directory = temporaryDirectory();
    const a = join(directory.path, "a");
    record(a, { fib: 60, gcd: 40 });
    const { stdout } = await jitdump(["diff", a, a]);
    assertEquals(stdout.trim().split("\n").length, 4);
  });

  it("exits with 2 when it gets only one recording", async () => {
    const { code, stderr } = await jitdump(["diff", "a"]);
    assertEquals(code, 2);
    assertMatch(stderr, /diff requires two RECORDINGs/);
  });
});
