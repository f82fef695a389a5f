/**
 * The code of the kernel and its modules, from /proc.
 *
 * @module
 */

import type { KernelMapping } from "../perf_data/new_records.ts";

const KALLSYMS = "/proc/kallsyms";

/**
 * Number of bytes of /proc/kallsyms that contain the first symbol of the code. The symbols of
 * per-CPU variables may precede it (x86-64, Linux 6.1).
 */
const HEAD_SIZE = 256 * 1024;

/** Assumed size of the kernel's code until it is known, larger than any. */
const PROVISIONAL_SIZE = 1n << 26n;

/** The kernel's code, without its end. */
export interface KernelStart {
  readonly start: bigint;
  readonly symbol: string;
}

/** Returns the start of the kernel's code; undefined if reading it is not allowed. */
export function kernelStart(): KernelStart | undefined {
  try {
    using file = Deno.openSync(KALLSYMS);
    const bytes = new Uint8Array(HEAD_SIZE);
    let size = 0;
    for (;;) {
      const read = file.readSync(bytes.subarray(size));
      if (!read) break;
      size += read;
    }
    return parseKernelStart(new TextDecoder().decode(bytes.subarray(0, size)));
  } catch {
    return undefined;
  }
}

/** Parses the start of /proc/kallsyms. */
export function parseKernelStart(text: string): KernelStart | undefined {
  const [, address, symbol] = /^([0-9a-f]+) \S (_s?text)$/m.exec(text) ?? [];
  const start = BigInt(`0x${address ?? 0}`);
  // Users who may not see the addresses read zeros.
  return start === 0n ? undefined : { start, symbol };
}

/**
 * Returns the kernel's code with an assumed size: a recording may not be able to wait until all
 * of /proc/kallsyms is read, which takes a quarter of a second.
 */
export function provisionalCode({ start, symbol }: KernelStart): KernelMapping {
  return { start, size: PROVISIONAL_SIZE, file: `[kernel.kallsyms]${symbol}` };
}

/** Returns the kernel's code, up to `_end` or `_etext`; undefined if there is no such symbol. */
export function kernelCode(from: KernelStart): KernelMapping | undefined {
  try {
    return parseKernelCode(Deno.readTextFileSync(KALLSYMS), from);
  } catch {
    return undefined;
  }
}

/** Parses /proc/kallsyms. */
export function parseKernelCode(
  text: string,
  from: KernelStart,
): KernelMapping | undefined {
  for (const name of ["_end", "_etext"]) {
    const at = text.search(new RegExp(` ${name}$`, "m"));
    if (at === -1) continue;
    const line = text.slice(text.lastIndexOf("\n", at) + 1, at);
    const end = BigInt(`0x${line.split(" ")[0]}`);
    if (end <= from.start) continue;
    return { ...provisionalCode(from), size: end - from.start };
  }
  return undefined;
}

/** A line of /proc/modules: name, size, uses, users, state, address. */
const MODULES_LINE = /^(\S+) (\d+) \S+ \S+ \S+ 0x([0-9a-f]+)/;

/** Returns the address ranges of the kernel's modules; none if reading them is not allowed. */
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
