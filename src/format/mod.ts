/**
 * The structs of the jitdump format, each as an interface with its codec.
 *
 * A file begins with a {@linkcode FileHeader}, and each record with a
 * {@linkcode RecordHeader}. The structs here are the fixed parts of the records.
 *
 * @example Unpacking the header of a file
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { FileHeader, JITDUMP_MAGIC } from "@jitdump/jitdump/format";
 *
 * const bytes = new Uint8Array(FileHeader.size);
 * new DataView(bytes.buffer).setUint32(0, JITDUMP_MAGIC, true);
 * assertEquals(FileHeader.unpack(bytes).magic, JITDUMP_MAGIC);
 * ```
 *
 * @module
 */

export { FileHeader, JITDUMP_MAGIC, JITDUMP_VERSION } from "./file_header.ts";
export { EM_AARCH64, EM_X86_64 } from "./machine.ts";
export {
  CodeLoadRecord,
  CodeMoveRecord,
  DebugEntry,
  DebugInfoRecord,
  RecordHeader,
  RecordId,
  UnwindingInfoRecord,
} from "./record.ts";
export type { Struct } from "./struct.ts";
