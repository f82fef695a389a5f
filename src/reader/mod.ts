/**
 * Reads jitdump files, of any writer and byte order.
 *
 * {@linkcode JitDumpReader} goes through a dump in memory, {@linkcode JitDumpStream}
 * through one of any size as it comes, and, if need be, as it is being written.
 * {@linkcode CodeTimeline} says which function was at an address at a time, and
 * {@linkcode checkDump} what is wrong with a dump.
 *
 * Nothing here uses FFI. The one permission is `--allow-read`, for a dump that is
 * opened by its path.
 *
 * @module
 */

export { checkDump } from "./check_dump.ts";
export type { Range } from "./code_map.ts";
export { CodeTimeline, type FoundCode, type Stay } from "./code_timeline.ts";
export type { Finding } from "./dump_checker.ts";
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
