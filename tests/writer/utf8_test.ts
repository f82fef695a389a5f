import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { UTF8_BYTES_PER_UNIT, writeUtf8 } from "../../src/writer/utf8.ts";

describe("writeUtf8()", () => {
  it("writes the bytes of TextEncoder when it gets any code point or lone surrogate", () => {
    const encoder = new TextEncoder();
    const PIECE = 0x1000;
    for (let start = 0; start < 0x110000; start += PIECE) {
      const points = Array.from({ length: PIECE }, (_, i) => start + i);
      const text = points.map((point) => String.fromCodePoint(point)).join("a");
      const into = new Uint8Array(UTF8_BYTES_PER_UNIT * text.length + 2);
      const end = writeUtf8(text, into, 1);
      assertEquals(into.slice(1, end), encoder.encode(text));
      assertEquals([into[0], into[end]], [0, 0]);
    }
  });

  it("stays within the maximum size when it gets any string", () => {
    for (const text of ["\uffff", "\ud800", "𝔽", "\ud800\ud800", "a"]) {
      const into = new Uint8Array(8);
      const end = writeUtf8(text, into, 0);
      assertEquals(end <= UTF8_BYTES_PER_UNIT * text.length, true, text);
      assertEquals(into.slice(0, end), new TextEncoder().encode(text));
    }
  });
});
