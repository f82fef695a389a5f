/**
 * Functions of an ELF file.
 *
 * @module
 */

import type { ElfFile, ElfSection, ElfSymbol } from "./elf_file.ts";
import { SymbolTable, type UnnamedSymbol } from "./symbol_table.ts";

const SHT_SYMTAB = 2;
const SHT_DYNSYM = 11;
const SHF_EXECINSTR = 4;
const SHN_UNDEF = 0;
const SHN_LORESERVE = 0xff00;
const STT_NOTYPE = 0;
const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;
const STB_LOCAL = 0;
const STB_GLOBAL = 1;
const EM_ARM = 40;

/** Returns the functions of `.symtab`, or `undefined` if there is none. */
export function functionsOfSymtab(elf: ElfFile): SymbolTable | undefined {
  return functionsOf(elf, SHT_SYMTAB);
}

/** Returns the functions of `.dynsym`, or `undefined` if there is none. */
export function functionsOfDynsym(elf: ElfFile): SymbolTable | undefined {
  return functionsOf(elf, SHT_DYNSYM);
}

function functionsOf(elf: ElfFile, type: number): SymbolTable | undefined {
  const table = elf.sections.find((section) => section.type === type);
  const strings = table && elf.sections[table.link];
  if (table === undefined || strings === undefined) return undefined;
  const symbols: UnnamedSymbol[] = [];
  elf.forEachSymbol(table, (symbol) => {
    if (!isFunction(symbol, elf.sections)) return;
    const { value, size, name } = symbol;
    // On ARM, bit 0 of an address selects the instruction set.
    const start = elf.machine === EM_ARM && value % 2 !== 0 ? value - 1 : value;
    symbols.push({
      start,
      size: Math.max(0, size),
      rank: rankOf(symbol),
      name,
    });
  });
  if (symbols.length === 0) return undefined;
  return new SymbolTable(
    symbols,
    endOfCode(elf.sections),
    (name) => elf.string(strings, name),
    isBetterAlias,
  );
}

/**
 * Returns whether perf 6.1 to 7.2 prefers a name to another one with the same address and
 * binding. It prefers fewer underscores at the start, then the longer name.
 */
export function isBetterAlias(name: string, other: string): boolean {
  const underscores = (text: string) =>
    text.length - text.replace(/^_+/, "").length;
  return underscores(name) < underscores(other) ||
    underscores(name) === underscores(other) && name.length > other.length;
}

/** Returns whether a symbol is a function, or a global label of assembly code. */
function isFunction(
  { info, shndx, name }: ElfSymbol,
  sections: readonly ElfSection[],
): boolean {
  if (name === 0 || shndx === SHN_UNDEF || shndx >= SHN_LORESERVE) return false;
  const type = info & 15;
  if (type === STT_FUNC || type === STT_GNU_IFUNC) return true;
  return type === STT_NOTYPE && info >> 4 !== STB_LOCAL &&
    isExecutable(sections[shndx]);
}

/** Returns perf 6.1's rank of a symbol: a size counts most, then global, local, weak. */
function rankOf({ info, size }: ElfSymbol): number {
  const binding = info >> 4;
  return (size > 0 ? 4 : 0) +
    (binding === STB_GLOBAL ? 2 : binding === STB_LOCAL ? 1 : 0);
}

function isExecutable(section: ElfSection | undefined): boolean {
  return section !== undefined && section.flags % 8 >= SHF_EXECINSTR;
}

function endOfCode(sections: readonly ElfSection[]): number {
  return sections.filter(isExecutable).reduce(
    (end, { addr, size }) => Math.max(end, addr + size),
    0,
  );
}
