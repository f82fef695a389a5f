/**
 * Symbols in text: perf maps and /proc/kallsyms.
 *
 * @module
 */

import { type Address, parseAddress } from "./address.ts";
import { SymbolTable, type UnnamedSymbol } from "./symbol_table.ts";

/** Symbols of a kernel. */
export interface KernelSymbols {
  readonly table: SymbolTable;
  /** Address of the symbol `_text`. */
  readonly text: Address | undefined;
}

/** Assumed size of the last function. */
const PAGE = 4096;

const PERF_MAP_LINE = /^(?:0x)?([0-9a-f]+) (?:0x)?([0-9a-f]+) (.+)$/i;

/** Name of the symbol at the start of the kernel's text. */
const TEXT_START = /_text$/my;

/**
 * Parses a perf map: lines of start, size and name. Of two lines with the same address, the
 * later is used. Malformed lines are skipped.
 */
export function parsePerfMap(text: string): SymbolTable {
  const names: string[] = [];
  const symbols: UnnamedSymbol[] = [];
  for (const line of text.split("\n")) {
    const match = PERF_MAP_LINE.exec(line);
    const start = match?.[1] && parseAddress(match[1]);
    const size = match?.[2] && parseAddress(match[2]);
    if (!match || typeof start !== "number" || typeof size !== "number") {
      continue;
    }
    if (size <= 0) continue;
    symbols.push({ start, size, rank: 0, name: names.length });
    names.push(match[3]);
  }
  return new SymbolTable(symbols, 0, (name) => names[name]);
}

/**
 * Parses /proc/kallsyms: lines of address, type, name, and the module if there is one. A
 * function of a module is named `function [module]`. Malformed lines are skipped.
 *
 * @returns `undefined` if the kernel hides its addresses, or there is no function.
 */
export function parseKallsyms(text: string): KernelSymbols | undefined {
  const symbols: UnnamedSymbol[] = [];
  let textStart: Address | undefined;
  let last = -Infinity;
  const endOfLine = (at: number) => {
    const end = text.indexOf("\n", at);
    return end === -1 ? text.length : end;
  };
  for (let at = 0, end; at < text.length; at = end + 1) {
    end = endOfLine(at);
    const space = text.indexOf(" ", at);
    const name = space + " t ".length;
    if (space === -1 || name >= end || text[name - 1] !== " ") continue;
    const start = parseAddress(text.slice(at, space));
    if (start === undefined || start === 0) continue;
    const type = text[space + 1];
    if (!"tTwW".includes(type)) continue;
    TEXT_START.lastIndex = name;
    if (TEXT_START.test(text)) textStart = start;
    last = Math.max(last, start);
    // Names such as _text and _stext mark positions. A name without an underscore at its
    // start is the function's.
    const rank = (type === "T" ? 2 : type === "t" ? 1 : 0) +
      (text[name] === "_" ? 0 : 4);
    symbols.push({ start, size: 0, rank, name });
  }
  if (symbols.length === 0) return undefined;
  const nameAt = (at: number) =>
    text.slice(at, endOfLine(at)).replace(/\s+/, " ");
  const table = new SymbolTable(symbols, last + PAGE, nameAt);
  return { table, text: textStart };
}
