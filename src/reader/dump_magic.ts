/**
 * Recognition of dumps by their first bytes.
 *
 * @module
 */

import { JITDUMP_MAGIC } from "../format/file_header.ts";

/** Size of the magic number. */
const SIZE = 4;

/**
 * Returns whether a file that starts with the bytes is little-endian; undefined if it is not
 * a dump.
 */
export function byteOrderOf(start: Uint8Array): boolean | undefined {
  if (start.length < SIZE) return undefined;
  const view = new DataView(start.buffer, start.byteOffset, SIZE);
  if (view.getUint32(0, true) === JITDUMP_MAGIC) return true;
  return view.getUint32(0) === JITDUMP_MAGIC ? false : undefined;
}

/** Returns whether a file can be read and is a dump. */
export function isDump(path: string): boolean {
  try {
    using file = Deno.openSync(path);
    const bytes = new Uint8Array(SIZE);
    const size = file.readSync(bytes) ?? 0;
    return byteOrderOf(bytes.subarray(0, size)) !== undefined;
  } catch {
    return false;
  }
}
