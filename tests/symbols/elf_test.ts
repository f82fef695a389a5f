import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ElfFile, ElfFormatError } from "../../src/symbols/elf_file.ts";
import { functionsOfSymtab } from "../../src/symbols/elf_symbols.ts";
import type { ByteSource } from "../../src/symbols/input_file.ts";
import {
  buildElf,
  BUILT_ADDRESS,
  BUILT_OFFSET,
  type BuiltSymbol,
} from "../support/build_elf.ts";

const SYMBOLS = [
  { name: "second", value: BUILT_ADDRESS + 0x40, size: 0 },
  { name: "first", value: BUILT_ADDRESS, size: 0x20 },
  { name: "data", value: BUILT_ADDRESS + 0x30, size: 8, info: 0x11 },
  { name: "third", value: BUILT_ADDRESS + 0x80, size: 0 },
  { name: "weak_third", value: BUILT_ADDRESS + 0x80, size: 0, info: 0x22 },
];

function sourceOf(bytes: Uint8Array<ArrayBuffer>): ByteSource {
  return {
    size: bytes.length,
    read: (offset, length) => bytes.slice(offset, offset + length),
  };
}

describe("ELF files", () => {
  for (const is64 of [true, false]) {
    for (const isLittle of [true, false]) {
      const kind = `${is64 ? 64 : 32} bits, ${
        isLittle ? "little" : "big"
      } endian`;
      it(`have functions, a build-id and addresses when they are ${kind}`, () => {
        const bytes = buildElf({ is64, isLittle, symbols: SYMBOLS });
        const elf = new ElfFile(sourceOf(bytes));
        assertEquals(elf.machine, 62);
        assertEquals(elf.buildId(), "01020304");
        assertEquals(elf.addressAt(BUILT_OFFSET + 5), BUILT_ADDRESS + 5);
        assertEquals(elf.addressAt(BUILT_OFFSET - 1), undefined);
        assertEquals(elf.addressAt(BUILT_OFFSET + 0x1000), undefined);
        const functions = functionsOfSymtab(elf);
        const nameAt = (offset: number) =>
          functions?.find(BUILT_ADDRESS + offset)?.name;
        assertEquals(nameAt(-1), undefined);
        assertEquals(nameAt(0), "first");
        assertEquals(nameAt(0x1f), "first");
        assertEquals(nameAt(0x20), undefined, "a gap has no name");
        assertEquals(nameAt(0x7f), "second", "size 0 reaches to the next");
        assertEquals(nameAt(0x80), "third", "global before weak");
        assertEquals(nameAt(0xfff), "third", "the last reaches to the end");
        assertEquals(nameAt(0x1000), undefined);
      });
    }
  }

  it("have the names that perf prefers when functions have several", () => {
    const aliases = (...names: string[]) =>
      names.map((name) => ({ name, value: BUILT_ADDRESS, size: 8 }));
    const nameOf = (symbols: BuiltSymbol[]) => {
      const bytes = buildElf({ is64: true, isLittle: true, symbols });
      const functions = functionsOfSymtab(new ElfFile(sourceOf(bytes)));
      return functions?.find(BUILT_ADDRESS)?.name;
    };
    for (
      const [expected, names] of [
        ["read", ["__read", "_read", "read"]],
        ["fputs", ["_fputs_long", "puts", "fputs"]],
      ] as const
    ) {
      assertEquals(nameOf(aliases(...names)), expected);
      assertEquals(nameOf(aliases(...names.toReversed())), expected);
    }
    const local = { ...aliases("longer_name")[0], info: 0x02 };
    assertEquals(nameOf([...aliases("read"), local]), "read");
  });

  it("return the same object when addresses are of one function", () => {
    const bytes = buildElf({ is64: true, isLittle: true, symbols: SYMBOLS });
    const functions = functionsOfSymtab(new ElfFile(sourceOf(bytes)));
    assert(functions !== undefined);
    assert(
      functions.find(BUILT_ADDRESS) === functions.find(BUILT_ADDRESS + 1),
    );
  });

  it("are rejected with an offset when they are truncated", () => {
    const bytes = buildElf({ is64: true, isLittle: true, symbols: SYMBOLS });
    for (let size = 0; size < bytes.length; size++) {
      assertThrows(
        () => new ElfFile(sourceOf(bytes.slice(0, size))),
        ElfFormatError,
        "at byte",
      );
    }
  });
});
