/**
 * The vdso: code of the kernel that it maps into each process, and that is in no file.
 *
 * All processes of one architecture and kernel have the same, so that this process's own serves.
 *
 * @module
 */

import { type ByteSource, readText } from "./input_file.ts";

/** Name of its mapping. */
export const VDSO = "[vdso]";

/** Longest list of mappings that is read. */
const LONGEST_TEXT = 64 * 2 ** 20;

/** Longest vdso that is read; those of Linux 6.18 have 8 KiB. */
const LONGEST_VDSO = 2 ** 20;

/** First address that a process of 32 bits lacks. Its vdso is another one. */
const LOWEST_START = 2 ** 32;

/** Returns whether a mapping is the vdso of a process of 64 bits. */
export function isVdso(path: string, start: number): boolean {
  return path === VDSO && start >= LOWEST_START;
}

/**
 * Reads the vdso of this process. Never throws, and never prompts for permission: Deno 2.9
 * wants --allow-all for it.
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
