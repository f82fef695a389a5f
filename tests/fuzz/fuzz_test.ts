import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { realDumps, recoverable } from "./dumps.ts";
import { fuzz } from "./fuzz.ts";
import { fuzzRecordings, recordings } from "./fuzz_recordings.ts";
import { measureRecovery } from "./recovery.ts";
import { temporaryDirectory } from "../support/script.ts";

describe("reading corrupt dumps", () => {
  it("returns records or throws a JitDumpFormatError when corruption is random", async () => {
    using directory = temporaryDirectory();
    const dumps = await realDumps(directory.path);
    const counts = await fuzz(dumps, 5000, 1, `${directory.path}/damaged.dump`);
    assertEquals(counts.cases, 5000);
    assertGreater(counts.rejected, 300);
    assertGreater(counts.records, 10_000);
  });

  it("recovers every intact record in 99.9 % of dumps when each is corrupted once", async () => {
    using directory = temporaryDirectory();
    const [own, v8] = await realDumps(directory.path);
    const dumps = recoverable([own, v8]);
    const path = `${directory.path}/damaged.dump`;
    const CASES = 5000;
    const { losing, inventing, examples } = measureRecovery(
      dumps,
      CASES,
      1,
      path,
    );
    assertLess(losing, 1 + CASES / 1000, examples.join("\n"));
    assertLess(inventing, 1 + CASES / 1000);
  });
});

describe("reading corrupt recordings", () => {
  it("returns records or throws a PerfDataFormatError when corruption is random", async () => {
    const counts = await fuzzRecordings(await recordings(), 5000, 1);
    assertEquals(counts.cases, 5000);
    assertGreater(counts.rejected, 1000);
    assertGreater(counts.records, 10_000);
  });
});
