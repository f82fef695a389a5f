/**
 * Reads jitdump files of any writer and byte order.
 *
 * {@linkcode JitDumpReader} reads a dump in memory. {@linkcode JitDumpStream} reads a dump of
 * any size, also while it is being written. {@linkcode CodeTimeline} finds the function at an
 * address at a given time, and {@linkcode checkDump} finds the faults of a dump.
 *
 * No FFI is used. Opening a dump by its path needs `--allow-read`.
 *
 * @module
 */

export { checkDump } from "./check_dump.ts";
export type { Range } from "./code_map.ts";
export {
  CodeTimeline,
  type FoundCode,
  type Piece,
  type Stay,
} from "./code_timeline.ts";
export type { Finding } from "./finding.ts";
export { type DumpedFunction, FunctionBuilder } from "./dumped_function.ts";
export { FileHeader } from "../format/file_header.ts";
export { RecordId } from "../format/record.ts";
export type { Struct } from "../format/struct.ts";
export {
  CodeClose,
  CodeLoad,
  CodeMove,
  DebugInfo,
  DumpRecord,
  type LineEntry,
  recordName,
  UnwindingInfo,
  type Window,
} from "./dump_record.ts";
export { type FormatFailure, JitDumpFormatError } from "./format_error.ts";
export { JitDumpReader } from "./jit_dump_reader.ts";
export { JitDumpStream, type JitDumpStreamOptions } from "./jit_dump_stream.ts";
export type { DumpHeader, Tail } from "./record_scanner.ts";
