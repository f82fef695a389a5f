import { assert, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ElfFile, ElfFormatError } from "../../src/symbols/elf_file.ts";
import {
  functionsOfDynsym,
  functionsOfSymtab,
} from "../../src/symbols/elf_symbols.ts";
import { buildElf } from "../support/build_elf.ts";
import { Random } from "../support/random.ts";
import { cpuTime } from "../support/this_thread.ts";

const CASES = 20_000;

describe("reading corrupt ELF files", () => {
  it("returns or throws an ElfFormatError when random bytes are overwritten", () => {
    const random = new Random(1);
    const symbols = [1, 2, 3].map((i) => ({
      name: `function${i}`,
      value: 0x401000 + 16 * i,
      size: 8,
    }));
    const files = [true, false].flatMap((is64) =>
      [true, false].map((isLittle) => buildElf({ is64, isLittle, symbols }))
    );
    const counts = { read: 0, rejected: 0 };
    const start = cpuTime();
    for (let i = 0; i < CASES; i++) {
      const bytes = random.of(files).slice();
      for (let n = random.below(4); n >= 0; n--) {
        const values = [0, 255, 127, 1, random.below(256)];
        bytes[random.below(bytes.length)] = random.of(values);
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
        counts.rejected++;
      }
      assert(longest <= bytes.length, `read ${longest} bytes at once`);
    }
    assert(counts.read > 100 && counts.rejected > 100, JSON.stringify(counts));
    assertLess(cpuTime() - start, 60_000);
  });
});
