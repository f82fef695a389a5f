/**
 * Tells Linux profilers about the machine code that a JIT compiler makes.
 *
 * `perf` knows the functions of files. Of code that a running process made it
 * sees bare addresses, unless the process writes down what it made, where and
 * when, in a *jitdump* file. {@linkcode JitDumpFile} writes that file.
 *
 * ```ts
 * import { JitDumpFile } from "@jitdump/jitdump";
 *
 * using dump = JitDumpFile.forProcess(Deno.makeTempDirSync());
 * const code = Uint8Array.of(0xc3); // your JIT's executable memory
 * dump.dumpFunction({ name: "nothing", code });
 * ```
 *
 * Then `perf record -k mono`, `perf inject --jit` and `perf report`; see the
 * README.
 *
 * @module
 */

export { JitDumpError, type SystemCallFailure } from "./ffi/error.ts";
export type { FrameStep } from "./src/unwind/call_frame.ts";
export {
  FileHeader,
  JITDUMP_MAGIC,
  JITDUMP_VERSION,
} from "./src/format/file_header.ts";
export { JitDumpFile, type JitDumpOptions } from "./src/jit_dump_file.ts";
export type {
  Address,
  JitCodeMove,
  JitDebugInfo,
  JitFunction,
  JitUnwindingInfo,
  RecordOrigin,
  RecordTime,
} from "./src/writer/jit_function.ts";
export { EM_AARCH64, EM_X86_64 } from "./src/format/machine.ts";
export { PerfMapFile, type PerfMapOptions } from "./src/perf_map_file.ts";
export {
  CodeLoadRecord,
  CodeMoveRecord,
  DebugEntry,
  DebugInfoRecord,
  RecordHeader,
  RecordId,
  UnwindingInfoRecord,
} from "./src/format/record.ts";
export type { Sink } from "./src/file/record_sink.ts";
export type { SourceLine } from "./src/writer/source_line.ts";
export type { Struct } from "./src/format/struct.ts";
export {
  type Unwinding,
  unwindingSpace,
  type UnwindingSpaceOptions,
} from "./src/unwind/unwinding_info.ts";
