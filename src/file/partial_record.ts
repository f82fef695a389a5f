/**
 * Repair of partial writes in a dump to which other writers append.
 *
 * @module
 */

import type { OpenFile } from "../../ffi/file.ts";
import {
  CodeLoadRecord,
  RecordHeader,
  RecordId,
  SKIPPED_RECORD_ID,
} from "../format/record.ts";

/** The range of a partial write: bytes of records whose rest did not fit. */
export interface PartialWrite {
  readonly start: number;
  readonly end: number;
}

/**
 * Turns a partial write into bytes that readers skip, without truncating a file that
 * others may have appended to.
 *
 * @returns False if an append by another engine has to finish first.
 */
export type Repair = (file: OpenFile, part: PartialWrite) => boolean;

/** Minimum size of a skipped record: perf (6.1 to 7.2) stops at a bare header. */
export const SHORTEST_SKIPPED_RECORD = RecordHeader.size + 1;

/** Returns the header of a record of `size` bytes that readers skip. */
export function skippedRecord(size: number): Uint8Array {
  const header = { id: SKIPPED_RECORD_ID, totalSize: size, timestamp: 0n };
  return RecordHeader.pack(header);
}

/**
 * Repairs a partial write in a dump.
 *
 *     ··· whole │ partial │ others' ···
 *
 * - A part of 17 bytes or more becomes a record that readers skip. Only bytes of this
 *   writer are written, so no other writer can interfere.
 * - A shorter part at the end of the file is removed by truncating the file. If another
 *   engine appends a record between the check for the end and the truncation, that record
 *   is lost.
 * - A shorter part before another record is merged into that record, which is rewritten to
 *   start earlier: a function's name gets trailing blanks, and other records get trailing
 *   bytes that readers ignore.
 */
export function repairPartialRecord(
  file: OpenFile,
  { start, end }: PartialWrite,
): boolean {
  const size = end - start;
  if (size >= SHORTEST_SKIPPED_RECORD) {
    file.overwriteAt(skippedRecord(size), start);
    return true;
  }
  const fileSize = file.status().size;
  if (fileSize === end) {
    file.truncate(start);
    return true;
  }
  const next = readRecord(file, end, fileSize);
  if (!next) return false;
  file.overwriteAt(widen(next, size), start);
  return true;
}

/** Reads the record at `start`; returns undefined if it is not whole yet. */
function readRecord(
  file: OpenFile,
  start: number,
  fileSize: number,
): Uint8Array | undefined {
  if (fileSize - start < RecordHeader.size) return undefined;
  const header = new Uint8Array(new ArrayBuffer(RecordHeader.size));
  if (file.readAt(header, start) < header.length) return undefined;
  const { totalSize } = RecordHeader.unpack(header);
  if (totalSize < RecordHeader.size || totalSize > fileSize - start) {
    return undefined;
  }
  const record = new Uint8Array(new ArrayBuffer(totalSize));
  return file.readAt(record, start) === totalSize ? record : undefined;
}

/** Returns the record, lengthened by `size` bytes. */
function widen(record: Uint8Array, size: number): Uint8Array {
  const header = RecordHeader.unpack(record);
  const isLoad = header.id === RecordId.JitCodeLoad;
  const nameEnd = isLoad ? record.indexOf(0, CodeLoadRecord.size) : -1;
  const at = nameEnd === -1 ? record.length : nameEnd;
  const wider = new Uint8Array(record.length + size);
  wider.set(record.subarray(0, at));
  if (isLoad) wider.fill(0x20, at, at + size);
  wider.set(record.subarray(at), at + size);
  RecordHeader.pack({ ...header, totalSize: wider.length }, wider);
  return wider;
}
