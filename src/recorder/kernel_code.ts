/**
 * The code of the kernel and its modules, from /proc.
 *
 * @module
 */

import type { KernelMapping } from "../perf_data/new_records.ts";

/** Number of bytes of /proc/kallsyms to read at once. */
const CHUNK = 1024 * 1024;

/**
 * Returns the address range of the kernel's code, from `_text` (or `_stext`) to `_end` (or
 * `_etext`); undefined if it may not be read.
 */
export function kernelCode(): KernelMapping | undefined {
  let text = "";
  let start: bigint | undefined;
  let end: bigint | undefined;
  let symbol = "_text";
  try {
    using file = Deno.openSync("/proc/kallsyms");
    const bytes = new Uint8Array(CHUNK);
    const decoder = new TextDecoder("latin1");
    for (;;) {
      const size = file.readSync(bytes);
      if (size === null) break;
      text = text.slice(text.lastIndexOf("\n") + 1) +
        decoder.decode(bytes.subarray(0, size));
      const found = /^([0-9a-f]+) . (_s?text)$/m.exec(text);
      if (found && start === undefined) {
        start = BigInt(`0x${found[1]}`);
        symbol = found[2];
      }
      const last = /^([0-9a-f]+) . _end$/m.exec(text) ??
        /^([0-9a-f]+) . _etext$/m.exec(text);
      if (last) end = BigInt(`0x${last[1]}`);
      if (start !== undefined && / _end$/m.test(text)) break;
    }
  } catch {
    return undefined;
  }
  // Users who may not see the addresses read zeros.
  if (!start || !end || end <= start) return undefined;
  return { start, size: end - start, file: `[kernel.kallsyms]${symbol}` };
}

/** A line of /proc/modules: name, size, uses, users, state, address. */
const MODULES_LINE = /^(\S+) (\d+) \S+ \S+ \S+ 0x([0-9a-f]+)/;

/** Returns the address ranges of the kernel's modules; none if they may not be read. */
export function moduleCode(): KernelMapping[] {
  try {
    return parseModules(Deno.readTextFileSync("/proc/modules"));
  } catch {
    return []; // the kernel has no modules, or reading is not allowed
  }
}

/** Parses /proc/modules. */
export function parseModules(text: string): KernelMapping[] {
  return text.split("\n").flatMap((line) => {
    const [, name, size, address] = MODULES_LINE.exec(line) ?? [];
    const start = BigInt(`0x${address ?? 0}`);
    // Users who may not see the addresses read zeros.
    if (start === 0n) return [];
    return [{ start, size: BigInt(size), file: `[${name}]` }];
  });
}
