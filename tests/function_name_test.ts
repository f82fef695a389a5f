import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import {
  escapeFunctionName,
  writePrintableAscii,
} from "../src/function_name.ts";

describe("escapeFunctionName()", () => {
  it("calls the nameless anonymous", () => {
    assertEquals(escapeFunctionName(""), "<anonymous>");
  });

  it("escapes what would break a report's line", () => {
    assertEquals(escapeFunctionName("a\nb\rc\td"), "a\\nb\\rc\\td");
    assertEquals(escapeFunctionName("\x01\x1b[31m\x7f"), "\\x01\\x1b[31m\\x7f");
    assertEquals(escapeFunctionName("\x80\x85\x9f"), "\\x80\\x85\\x9f");
    assertEquals(escapeFunctionName("\u2028\u2029"), "\\u2028\\u2029");
  });

  it("keeps everything else", () => {
    for (const name of ["a b", "~", "\xa0", "größe", "関数", "λ→𝔽", "a\\n"]) {
      assertEquals(escapeFunctionName(name), name);
    }
  });
});

describe("writePrintableAscii()", () => {
  it("writes at the place it is given", () => {
    const into = new Uint8Array(6);
    assertEquals(writePrintableAscii(" ~", into, 2), true);
    assertEquals(into, Uint8Array.of(0, 0, 0x20, 0x7e, 0, 0));
  });

  it("leaves all other names to others", () => {
    for (const name of ["", "\x1f", "\x7f", "a\nb", "é", "関数"]) {
      assertEquals(writePrintableAscii(name, new Uint8Array(8), 0), false);
    }
  });
});
