/**
 * Recognizing a JIT_CODE_LOAD whose writer has one 8-byte field too many or too few.
 *
 * @module
 */

import { CodeLoadRecord } from "../format/record.ts";

const LOAD = CodeLoadRecord.offsets;

/** Size of the field that is missing or too much. */
const FIELD = 8;

/** Number of bytes by which the fields of a load are too late (8) or too early (-8). */
export type Shift = typeof FIELD | -8;

/**
 * Returns the shift of a load's fields; undefined if they are where they should be. The
 * name and the code have to fill the record exactly if the fields are read with the shift.
 *
 * @param bytes The record, or its first bytes that hold the name.
 */
export function shiftOfLoad(
  bytes: Uint8Array,
  totalSize: number,
  littleEndian: boolean,
): Shift | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const fills = (shift: Shift | 0) => {
    const sizeAt = LOAD.codeSize + shift;
    const nameAt = CodeLoadRecord.size + shift;
    if (bytes.length <= nameAt) return false;
    const nul = bytes.indexOf(0, nameAt);
    // An empty name proves nothing.
    if (nul <= nameAt) return false;
    const codeSize = view.getBigUint64(sizeAt, littleEndian);
    return codeSize > 0n && BigInt(nul + 1) + codeSize === BigInt(totalSize);
  };
  if (fills(0)) return undefined;
  return fills(FIELD)
    ? FIELD
    : fills(-FIELD as Shift)
    ? -FIELD as Shift
    : undefined;
}
