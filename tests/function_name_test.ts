import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { escapeFunctionName } from "../src/function_name.ts";

describe("escapeFunctionName()", () => {
  it("calls the nameless anonymous", () => {
    assertEquals(escapeFunctionName(""), "<anonymous>");
  });

  it("escapes what would break a report's line", () => {
    assertEquals(escapeFunctionName("a\nb\rc\td"), "a\\nb\\rc\\td");
    assertEquals(escapeFunctionName("\x01\x1b[31m\x7f"), "\\x01\\x1b[31m\\x7f");
    assertEquals(escapeFunctionName("\x80\x85\x9f"), "\\x80\\x85\\x9f");
    assertEquals(escapeFunctionName("\u2028\u2029"), "\\u2028\\u2029");
    assertEquals(escapeFunctionName("\u202e\u2066"), "\\u202e\\u2066");
  });

  it("escapes as many as there are", () => {
    const count = 3_000_000;
    assertEquals(
      escapeFunctionName("\n".repeat(count)),
      "\\n".repeat(count),
    );
  });

  it("keeps everything else", () => {
    for (const name of ["a b", "~", "\xa0", "größe", "関数", "λ→𝔽", "a\\n"]) {
      assertEquals(escapeFunctionName(name), name);
    }
  });
});
