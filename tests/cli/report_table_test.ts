import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { jitdump } from "../support/jitdump.ts";
import {
  type FunctionSample,
  recordFunctions,
} from "../support/record_functions.ts";
import { temporaryDirectory } from "../support/script.ts";

const times = (count: number, sample: FunctionSample): FunctionSample[] =>
  Array(count).fill(sample);

/** 1000 samples of functions that main calls; the last function is JavaScript. */
const SAMPLES: FunctionSample[] = [
  ...times(600, { chain: ["fib", "fib", "main"] }),
  ...times(300, { chain: ["gcd", "main"] }),
  ...times(96, { chain: ["main"] }),
  ...times(3, { chain: ["rare", "main"] }),
  ...times(1, { chain: ["JS:*f /a.js:1:1", "main"] }),
];

/** Runs `jitdump report` on the samples. */
async function report(
  options: string[],
  samples = SAMPLES,
  threads: Record<number, string> = {},
) {
  using directory = temporaryDirectory();
  const path = join(directory.path, "recording");
  recordFunctions(path, samples, threads);
  return await jitdump(["report", path, ...options]);
}

/** Returns the columns of a table's rows. */
const rowsOf = (stdout: string) =>
  Array.from(
    stdout.matchAll(/^ *([\d.]+%) +([\d.]+%) +([\d.]+) {2}(\w+) +(.*)$/gm),
    ([, ...columns]) => columns,
  );

const namesOf = (stdout: string) =>
  rowsOf(stdout).map(([, , , , name]) => name);

describe("the table of jitdump report", () => {
  it("has a header and the functions above 0.5 % when there are no options", async () => {
    const { stdout, stderr, code } = await report([]);
    assertEquals(code, 0, stderr);
    const [duration, shares, samples, head] = stdout.split("\n");
    assertMatch(duration, /^0\.0 s, on elsewhere, 0 records lost$/);
    assertEquals(shares, "99.90% jitted, 0.10% javascript");
    assertMatch(samples, /perf\.data: 1000 samples of cpu-clock$/);
    assertMatch(head, /^ +self +total +ms +category +function$/);
    assertEquals(rowsOf(stdout), [
      ["60.00%", "60.00%", "600.0", "jitted", "fib"],
      ["30.00%", "30.00%", "300.0", "jitted", "gcd"],
      ["9.60%", "100.00%", "96.0", "jitted", "main"],
    ]);
    assertMatch(stdout, /^2 more \(--limit NUMBER shows them\)$/m);
  });

  it("has as many functions as --limit requests when they are rare", async () => {
    const { stdout } = await report(["--limit", "4"]);
    assertEquals(namesOf(stdout), ["fib", "gcd", "main", "rare"]);
    assertMatch(stdout, /^1 more /m);
  });

  it("is in the order of the total shares when --sort total is given", async () => {
    const { stdout } = await report(["--sort", "total"]);
    assertEquals(namesOf(stdout), ["main", "fib", "gcd"]);
  });

  it("has only matching functions when a category or pattern is given", async () => {
    const ofJs = await report(["--category", "javascript"]);
    assertEquals(namesOf(ofJs.stdout), ["JS:*f /a.js:1:1"]);
    const matching = await report(["--filter", "^(main|g)"]);
    assertEquals(namesOf(matching.stdout), ["gcd", "main"]);
  });

  it("reports that there are no source lines when --lines is given", async () => {
    const { stdout, code } = await report(["--lines"]);
    assertEquals(code, 0);
    assertMatch(stdout, /line\nno sampled function has source lines\n$/);
  });

  it("exits with 2 when an option has an invalid value", async () => {
    for (
      const [options, message] of [
        [["--limit", "0"], /--limit must be a positive integer, got "0"/],
        [["--sort", "name"], /--sort must be self or total, got "name"/],
        [["--category", "jit"], /--category must be one of jitted, javascript/],
        [["--filter", "("], /--filter: Invalid regular expression/],
        [["--since", "1s"], /--since must be a number of seconds, got "1s"/],
      ] as [string[], RegExp][]
    ) {
      const { code, stdout, stderr } = await report(options);
      assertEquals([code, stdout], [2, ""]);
      assertMatch(stderr, message);
    }
  });

  it("counts only selected samples when a process, thread or time is given", async () => {
    const second = (seconds: number) => 1e9 * seconds;
    const samples: FunctionSample[] = [
      { chain: ["compile"], time: second(1) },
      { chain: ["compile"], tid: 8, time: second(2) },
      { chain: ["run"], time: second(3) },
      { chain: ["run"], tid: 8, time: second(4) },
    ];
    const countOf = async (...options: string[]) => {
      const threads = { 7: "a program", 8: "worker" };
      const { stdout } = await report(options, samples, threads);
      return Object.fromEntries(
        rowsOf(stdout).map(([, , ms, , name]) => [name, Number(ms)]),
      );
    };
    const all = { compile: 2, run: 2 };
    assertEquals(await countOf("--process", "a program"), all);
    assertEquals(await countOf("--process", "7"), all);
    assertEquals(await countOf("--thread", "worker", "--since", "2.5"), {
      run: 1,
    });
    assertEquals(await countOf("--thread", "7"), { compile: 1, run: 1 });
    assertEquals(await countOf("--until", "2.5"), { compile: 2 });
  });

  it("exits with 1 when no sample is selected", async () => {
    const { code, stdout, stderr } = await report(["--process", "other"]);
    assertEquals([code, stdout], [1, ""]);
    assertMatch(stderr, /has 1000 samples, but none of the selected/);
  });

  it("has the neighbors of a function when callers or callees are requested", async () => {
    const neighborsIn = (stdout: string) =>
      Array.from(
        stdout.matchAll(/^ *([\d.]+%) +([\d.]+%) +([\d.]+) {2}jitted +(.*)$/gm),
        ([, ...columns]) => columns,
      );
    const callers = await report(["--callers", "fib"]);
    assertMatch(callers.stdout, /^fib: 60\.00% self, 60\.00% total$/m);
    assertEquals(neighborsIn(callers.stdout), [
      ["60.00%", "100.00%", "600.0", "main"],
      ["60.00%", "100.00%", "600.0", "fib"],
    ]);
    const callees = await report(["--callees", "main", "--limit", "2"]);
    assertEquals(neighborsIn(callees.stdout), [
      ["60.00%", "60.00%", "600.0", "fib"],
      ["30.00%", "30.00%", "300.0", "gcd"],
    ]);
    assertMatch(callees.stdout, /^2 more /m);
    const byPlainName = await report(["--callers", "f"]);
    assertEquals(neighborsIn(byPlainName.stdout).length, 1);
    const none = await report(["--callers", "no"]);
    assertEquals([none.code, none.stdout], [1, ""]);
    assertMatch(none.stderr, /no samples of a function "no"/);
  });
});
