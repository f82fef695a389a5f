/**
 * Making a dump whole again where there is a part of a record in it and others may
 * have appended, or be about to.
 *
 * @module
 */

import { fileStatus } from "../../ffi/status.ts";
import {
  type OpenFile,
  overwriteAt,
  readAt,
  truncate,
} from "../../ffi/file.ts";
import type { Libc } from "../../ffi/libc.ts";
import {
  CodeLoadRecord,
  RecordHeader,
  RecordId,
  SKIPPED_RECORD_ID,
} from "../format/record.ts";
import type { TornPart } from "./shared_file.ts";

/** perf reads nothing behind a record that is only a header. */
export const SHORTEST_SKIPPED_RECORD = RecordHeader.size + 1;

/** The header of a record of `size` bytes that readers pass over. */
export function skippedRecord(size: number): Uint8Array {
  const header = { id: SKIPPED_RECORD_ID, totalSize: size, timestamp: 0n };
  return RecordHeader.pack(header);
}

/**
 * Mends a torn part of a dump; see {@linkcode FileKind.mend}.
 *
 *     ··· whole │ torn │ others' ···
 *
 * - From 17 bytes on the part becomes a record that readers pass over. Only bytes of
 *   its own are written, so nobody can be in the way.
 * - A shorter one at the end of the file is cut off. A record of which the write comes
 *   between the look at the end and the cut, two system calls, is lost.
 * - A shorter one that a record follows is given to that record, which is written anew
 *   so many bytes earlier, and as many longer: a function's name gets blanks at its
 *   end, other records bytes that nobody reads.
 */
export function mendTornRecord(
  libc: Libc,
  file: OpenFile,
  { start, end }: TornPart,
): boolean {
  const size = end - start;
  if (size >= SHORTEST_SKIPPED_RECORD) {
    overwriteAt(libc, file, skippedRecord(size), start);
    return true;
  }
  const fileSize = fileStatus(libc, file).size;
  if (fileSize === end) {
    truncate(libc, file, start);
    return true;
  }
  const next = readRecord(libc, file, end, fileSize);
  if (!next) return false;
  overwriteAt(libc, file, widen(next, size), start);
  return true;
}

/** Reads the record at `start`; undefined where it is not whole yet. */
function readRecord(
  libc: Libc,
  file: OpenFile,
  start: number,
  fileSize: number,
): Uint8Array | undefined {
  if (fileSize - start < RecordHeader.size) return;
  const header = new Uint8Array(new ArrayBuffer(RecordHeader.size));
  readAt(libc, file, header, start);
  const { totalSize } = RecordHeader.unpack(header);
  if (totalSize < RecordHeader.size || totalSize > fileSize - start) return;
  const record = new Uint8Array(new ArrayBuffer(totalSize));
  readAt(libc, file, record, start);
  return record;
}

/** The record with `size` bytes more. */
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
