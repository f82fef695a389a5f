/**
 * The unwind info of a dump's functions.
 *
 * @module
 */

import { RecordJoin } from "../reader/record_join.ts";
import { CorruptRange, RecoveringReader } from "../reader/recovering_reader.ts";

/**
 * Reads the `.eh_frame` of each function that has one, by the byte offset of its
 * JIT_CODE_LOAD. Returns none if the dump can no longer be read.
 */
export function readUnwinding(path: string): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  try {
    using dump = RecoveringReader.open(path);
    const join = new RecordJoin();
    for (const record of dump) {
      if (record instanceof CorruptRange) continue;
      const joined = join.add(record);
      const ehFrame = joined?.unwinding?.ehFrame;
      // V8 (15) writes an empty .eh_frame for code that keeps frame pointers.
      if (joined !== undefined && ehFrame !== undefined && ehFrame.length > 0) {
        found.set(joined.load.offset, ehFrame.slice());
      }
    }
  } catch {
    // The file has been removed since it was read.
  }
  return found;
}
