/**
 * The vdso: code that the kernel maps into each process, and that no file contains.
 *
 * It is the same in all processes of one kernel and architecture, so this process's own is
 * read.
 *
 * @module
 */

import { type ByteSource, readText } from "./input_file.ts";

/** Name of the vdso's mapping. */
export const VDSO = "[vdso]";

/** Maximum size of a list of mappings that is read. */
const LONGEST_TEXT = 64 * 2 ** 20;

/** Maximum size of a vdso that is read; in Linux 6.18 it has 8 KiB. */
const LONGEST_VDSO = 2 ** 20;

/** First address beyond those of 32-bit processes, which have another vdso. */
const LOWEST_START = 2 ** 32;

/** Returns whether a mapping is the vdso of a 64-bit process. */
export function isVdso(path: string, start: number): boolean {
  return path === VDSO && start >= LOWEST_START;
}

/**
 * Reads the vdso of this process. Never throws, and never prompts for permission. Deno 2.9
 * requires --allow-all for it.
 */
export function readVdso(): ByteSource | undefined {
  try {
    const maps = readText("/proc/self/maps", LONGEST_TEXT) ?? "";
    const [, from, to] = /^(\w+)-(\w+) .*\[vdso\]$/m.exec(maps) ?? [];
    const start = parseInt(from, 16);
    const size = parseInt(to, 16) - start;
    if (!(size <= LONGEST_VDSO)) return undefined;
    using memory = Deno.openSync("/proc/self/mem");
    memory.seekSync(start, Deno.SeekMode.Start);
    const bytes = new Uint8Array(size);
    return memory.readSync(bytes) === size ? sourceOf(bytes) : undefined;
  } catch {
    return undefined;
  }
}

const sourceOf = (bytes: Uint8Array<ArrayBuffer>): ByteSource => ({
  size: bytes.length,
  read: (offset, length) => bytes.slice(offset, offset + Math.max(0, length)),
});
