import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import {
  escapeFunctionName,
  writePlainText,
} from "../../src/writer/function_name.ts";

describe("escapeFunctionName()", () => {
  it("returns <anonymous> when the name is empty", () => {
    assertEquals(escapeFunctionName(""), "<anonymous>");
  });

  it("escapes characters when they would break a line of a report", () => {
    assertEquals(escapeFunctionName("a\nb\rc\td"), "a\\nb\\rc\\td");
    assertEquals(escapeFunctionName("\x01\x1b[31m\x7f"), "\\x01\\x1b[31m\\x7f");
    assertEquals(escapeFunctionName("\x80\x85\x9f"), "\\x80\\x85\\x9f");
    assertEquals(escapeFunctionName("\u2028\u2029"), "\\u2028\\u2029");
    assertEquals(escapeFunctionName("\u202e\u2066"), "\\u202e\\u2066");
  });

  it("escapes every occurrence when there are many", () => {
    const count = 3_000_000;
    assertEquals(
      escapeFunctionName("\n".repeat(count)),
      "\\n".repeat(count),
    );
  });

  it("keeps a name when nothing in it needs escaping", () => {
    for (const name of ["a b", "~", "\xa0", "größe", "関数", "λ→𝔽", "a\\n"]) {
      assertEquals(escapeFunctionName(name), name);
    }
  });
});

describe("writePlainText()", () => {
  const write = (name: string) => {
    const into = new Uint8Array(100).fill(0xff);
    const isPlain = writePlainText(name, into, 3);
    const text = new TextDecoder().decode(into.subarray(3, 3 + name.length));
    return isPlain && into[2] === 0xff && into[3 + name.length] === 0xff
      ? text
      : undefined;
  };

  it("writes a name when it is ASCII and needs no escaping", () => {
    const all = String.fromCharCode(
      ...Array.from({ length: 0x7f - 0x20 }, (_, i) => 0x20 + i),
    );
    assertEquals(write(all), all);
    assertEquals(escapeFunctionName(all), all);
  });

  it("writes nothing when a name needs escapeFunctionName()", () => {
    for (
      const odd of ["", "\x1f", "\x7f", "\x80", "\xff", "\u0100", "\ud83d"]
    ) {
      assertEquals(write(odd === "" ? "" : `a${odd}b`), undefined);
    }
  });
});
