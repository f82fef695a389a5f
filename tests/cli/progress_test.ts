import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { progressLine } from "../../src/cli/progress.ts";

describe("progressLine()", () => {
  it("has seconds, samples and lost records when a recording runs", () => {
    assertEquals(
      progressLine(12.345, { samples: 48_021, lost: 1000 }),
      "12.3 s, 48,021 samples, 1,000 lost",
    );
  });
});
