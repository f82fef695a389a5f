import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { DwarfWriter } from "../../src/unwind/dwarf_writer.ts";

/** Returns the bytes that `write` writes. */
function written(write: (out: DwarfWriter) => void): number[] {
  const out = new DwarfWriter();
  write(out);
  return [...out.finish()];
}

describe("DwarfWriter", () => {
  // The examples of DWARF 5, section 7.6, figures 22 and 23, and a few more.
  it("writes unsigned LEB128 when a value has any size", () => {
    const cases: [number, number[]][] = [
      [0, [0]],
      [2, [2]],
      [127, [127]],
      [128, [0x80, 1]],
      [129, [0x81, 1]],
      [12857, [0xb9, 0x64]],
      [2 ** 32, [0x80, 0x80, 0x80, 0x80, 0x10]],
    ];
    for (const [value, bytes] of cases) {
      assertEquals(written((out) => out.uleb(value)), bytes, `${value}`);
    }
  });

  it("writes signed LEB128 when a value is negative", () => {
    const cases: [number, number[]][] = [
      [2, [2]],
      [-2, [0x7e]],
      [-8, [0x78]],
      [63, [63]],
      [-64, [0x40]],
      [64, [0xc0, 0]],
      [127, [0xff, 0]],
      [-127, [0x81, 0x7f]],
      [128, [0x80, 1]],
      [-128, [0x80, 0x7f]],
      [-129, [0xff, 0x7e]],
    ];
    for (const [value, bytes] of cases) {
      assertEquals(written((out) => out.sleb(value)), bytes, `${value}`);
    }
  });

  it("writes and aligns little-endian values when they have a fixed size", () => {
    assertEquals(
      written((out) => {
        out.u8(0x1ff);
        out.u16(0x1234);
        out.u32(-2);
        out.align(8, 9);
        out.align(8, 9);
        out.patchU32(1, 0x01020304);
      }),
      [0xff, 4, 3, 2, 1, 0xff, 0xff, 9],
    );
  });

  it("grows when its buffer is full", () => {
    const bytes = Array.from({ length: 1000 }, (_, i) => i & 0xff);
    assertEquals(
      written((out) => bytes.forEach((byte) => out.u8(byte))),
      bytes,
    );
  });
});
