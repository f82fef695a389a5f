/**
 * Makes JIT-compiled code visible to Linux `perf`.
 *
 * `perf` finds a program's functions in its files. For code that a running process
 * generates, it shows bare addresses unless the process writes a *jitdump* file: a record of
 * each function with its name, address, code and timestamp. {@linkcode JitDumpFile} writes
 * that file.
 *
 * ```ts
 * import { JitDumpFile } from "@jitdump/jitdump";
 *
 * const dump = JitDumpFile.forProcess(Deno.makeTempDirSync());
 * const code = Uint8Array.of(0xc3); // a view of your JIT's executable memory
 * dump.dumpFunction({ name: "nothing", code });
 * ```
 *
 * `jitdump record -- COMMAND` of `@jitdump/jitdump/cli` then shows where the time goes, and
 * so do `perf record -k mono`, `perf inject --jit` and `perf report`; see the README.
 *
 * {@linkcode PerfMapFile} writes perf maps, which contain only names and addresses.
 * `./format` exports the structs of the format, and `./reader` reads dumps.
 *
 * @module
 */

export { JitDumpFile, type JitDumpOptions } from "./src/jit_dump_file.ts";
export type { Sink } from "./src/file/record_sink.ts";
export type {
  Address,
  JitCodeMove,
  JitDebugInfo,
  JitFunction,
  JitUnwindingInfo,
  RecordOrigin,
  RecordTime,
} from "./src/writer/jit_function.ts";
export type { SourceLine } from "./src/writer/source_line.ts";
export {
  type Unwinding,
  unwindingSpace,
  type UnwindingSpaceOptions,
} from "./src/unwind/unwinding_info.ts";
export type {
  AdjustStep,
  FrameStep,
  FrameStepOffset,
  PopStep,
  PushStep,
  RememberStateStep,
  RestoreStateStep,
  SaveStep,
  SetFramePointerStep,
  UnwoundStep,
} from "./src/unwind/call_frame.ts";
export { JitDumpError } from "./src/jit_dump_error.ts";
export type { SystemCallFailure } from "./ffi/system_call_failure.ts";
export { PerfMapFile, type PerfMapOptions } from "./src/perf_map_file.ts";
export { EM_AARCH64, EM_X86_64 } from "./src/format/machine.ts";
export { FileHeader } from "./src/format/file_header.ts";
export {
  CodeLoadRecord,
  DebugEntry,
  DebugInfoRecord,
  RecordHeader,
  RecordId,
} from "./src/format/record.ts";
export type { Struct } from "./src/format/struct.ts";
