import { assert, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ElfFile, ElfFormatError } from "../../src/symbols/elf_file.ts";
import {
  functionsOfDynsym,
  functionsOfSymtab,
} from "../../src/symbols/elf_symbols.ts";
import { buildElf } from "../support/build_elf.ts";
import { cpuTime } from "../support/this_thread.ts";

const CASES = 20_000;

describe("reading damaged ELF files", () => {
  it("returns or throws an ElfFormatError when a file has any damage", () => {
    let seed = 1;
    const next = (limit: number) => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return Math.floor(seed / 2 ** 32 * limit);
    };
    const symbols = [1, 2, 3].map((i) => ({
      name: `function${i}`,
      value: 0x401000 + 16 * i,
      size: 8,
    }));
    const files = [true, false].flatMap((is64) =>
      [true, false].map((isLittle) => buildElf({ is64, isLittle, symbols }))
    );
    const counts = { read: 0, refused: 0 };
    const start = cpuTime();
    for (let i = 0; i < CASES; i++) {
      const bytes = files[next(files.length)].slice();
      for (let n = next(4); n >= 0; n--) {
        const values = [0, 255, 127, 1, next(256)];
        bytes[next(bytes.length)] = values[next(values.length)];
      }
      let longest = 0;
      try {
        const elf = new ElfFile({
          size: bytes.length,
          read(offset, length) {
            longest = Math.max(longest, length);
            return bytes.slice(offset, offset + length);
          },
        });
        elf.buildId();
        elf.debugLink();
        for (const table of [functionsOfSymtab(elf), functionsOfDynsym(elf)]) {
          for (let at = 0; at < 64; at += 8) table?.find(0x401000 + at);
        }
        elf.addressAt(0x1000);
        counts.read++;
      } catch (error) {
        if (!(error instanceof ElfFormatError)) throw error;
        counts.refused++;
      }
      assert(longest <= bytes.length, `${longest} bytes wanted`);
    }
    assert(counts.read > 100 && counts.refused > 100, JSON.stringify(counts));
    assertLess(cpuTime() - start, 60_000);
  });
});
