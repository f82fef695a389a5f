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
const KALLSYMS_LINE = /^([0-9a-f]+) ([a-z]) (\S+)(?:\s+(\[\S+\]))?$/i;

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
 * Parses /proc/kallsyms. A function of a module is named `function [module]`.
 *
 * @returns `undefined` if the kernel hides its addresses, or there is no function.
 */
export function parseKallsyms(text: string): KernelSymbols | undefined {
  const names: string[] = [];
  const symbols: UnnamedSymbol[] = [];
  let textStart: Address | undefined;
  let end = -Infinity;
  for (const line of text.split("\n")) {
    const match = KALLSYMS_LINE.exec(line);
    const start = match ? parseAddress(match[1]) : undefined;
    if (!match || start === undefined || start === 0) continue;
    const [, , type, name, module] = match;
    if (name === "_text" && module === undefined) textStart = start;
    if (!"tTwW".includes(type)) continue;
    end = Math.max(end, start + PAGE);
    // Names such as _text and _stext mark positions. A name without an underscore at its
    // start is the function's.
    const rank = (type === "T" ? 2 : type === "t" ? 1 : 0) +
      (name.startsWith("_") ? 0 : 4);
    symbols.push({ start, size: 0, rank, name: names.length });
    names.push(module === undefined ? name : `${name} ${module}`);
  }
  if (symbols.length === 0) return undefined;
  const table = new SymbolTable(symbols, end, (name) => names[name]);
  return { table, text: textStart };
}
