/**
 * Recognition of a JIT_CODE_LOAD that has one 8-byte field too many or too few.
 *
 * @module
 */

import { CodeLoadRecord } from "../format/record.ts";

const LOAD = CodeLoadRecord.offsets;

/** Size of the additional or missing field. */
const FIELD = 8;

/** Number of bytes by which the fields of a load are too late (8) or too early (-8). */
export type Shift = typeof FIELD | -8;

/**
 * Returns the shift of a load's fields; undefined if they have their specified offsets. A
 * shift is recognized only if name and code, read with the shift, fill the record exactly.
 *
 * @param bytes The record, or its first bytes up to the end of the name.
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
