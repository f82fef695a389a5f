import { assertEquals, assertGreater } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { realDumps } from "./dumps.ts";
import { fuzz } from "./fuzz.ts";
import { temporaryDirectory } from "../support/script.ts";

describe("reading damaged dumps", () => {
  it("ends in records or a JitDumpFormatError, soon and in little memory", async () => {
    using directory = temporaryDirectory();
    const dumps = await realDumps(directory.path);
    const counts = await fuzz(dumps, 5000, 1);
    assertEquals(counts.cases, 5000);
    assertGreater(counts.refused, 300);
    assertGreater(counts.records, 10_000);
  });
});
