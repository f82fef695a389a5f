/**
 * Names of the stubs through which an ELF file calls functions of other files.
 *
 * @module
 */

import { EM_AARCH64, EM_X86_64 } from "../format/machine.ts";
import type { ElfFile } from "./elf_file.ts";
import { SymbolTable, type UnnamedSymbol } from "./symbol_table.ts";

/** Size of the first entry of `.plt`, which is not a stub, by machine. */
const HEADER_SIZES: Record<number, number> = {
  [EM_X86_64]: 16,
  [EM_AARCH64]: 32,
};

/** Size of a stub. */
const STUB_SIZE = 16;

/** Size of an `Elf64_Rela`. */
const RELOCATION_SIZE = 24;

/** Position in it of the symbol's index: the upper half of `r_info`. */
const SYMBOL_AT = 12;

/**
 * Returns the stubs of the procedure linkage table, named `function@plt` as in perf 6.1 to
 * 7.2. The stubs are in the order of their relocations. With `-fcf-protection`, linkers for
 * x86-64 put those that are called into `.plt.sec`.
 *
 * @returns `undefined` if there are none, or the machine is not supported.
 * @throws {ElfFormatError} If a section is not within the file.
 */
export function stubsOf(elf: ElfFile): SymbolTable | undefined {
  const headerSize = HEADER_SIZES[elf.machine];
  const relocations = elf.sectionNamed(".rela.plt");
  const table = elf.sections[relocations?.link ?? 0];
  const strings = elf.sections[table?.link ?? 0];
  if (headerSize === undefined || !relocations || !table || !strings) {
    return undefined;
  }
  const names: number[] = [];
  elf.forEachSymbol(table, ({ name }) => names.push(name));
  const bytes = elf.contents(relocations);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const stubs: UnnamedSymbol[] = [];
  for (const section of [".plt", ".plt.sec"]) {
    const code = elf.sectionNamed(section);
    if (code === undefined) continue;
    const first = section === ".plt" ? headerSize : 0;
    for (let i = 0; (i + 1) * RELOCATION_SIZE <= view.byteLength; i++) {
      const offset = first + i * STUB_SIZE;
      if (offset + STUB_SIZE > code.size) break;
      const symbol = view.getUint32(i * RELOCATION_SIZE + SYMBOL_AT, true);
      const name = names[symbol];
      // A function that is chosen at run time (STT_GNU_IFUNC) may have no symbol.
      if (!name) continue;
      stubs.push({ start: code.addr + offset, size: STUB_SIZE, rank: 0, name });
    }
  }
  if (stubs.length === 0) return undefined;
  return new SymbolTable(
    stubs,
    0,
    (name) => `${elf.string(strings, name)}@plt`,
  );
}
