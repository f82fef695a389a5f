/**
 * The records of a jitdump file: the fixed part of each.
 *
 * The layouts are those of tools/perf/Documentation/jitdump-specification.txt in Linux
 * 6.12.
 *
 * @module
 */

import { type Struct, struct } from "./struct.ts";

/** The kind of a record: the `id` of its {@linkcode RecordHeader}. */
export enum RecordId {
  /** A function was loaded: {@linkcode CodeLoadRecord}. */
  JitCodeLoad = 0,
  /** A function was moved to another address: {@linkcode CodeMoveRecord}. */
  JitCodeMove = 1,
  /** Source lines of the next loaded function: {@linkcode DebugInfoRecord}. */
  JitCodeDebugInfo = 2,
  /** The end of code generation. */
  JitCodeClose = 3,
  /** Unwind info of the next loaded function: {@linkcode UnwindingInfoRecord}. */
  JitCodeUnwindingInfo = 4,
}

/**
 * The `id` that this module's writer assigns to a partial record that did not fit on a full
 * disk. Readers skip records of an unknown id; perf (6.1 to 7.2) warns about them.
 */
export const SKIPPED_RECORD_ID = 0xffff_ffff;

/** The start of each record: 16 bytes, the fields in this order. */
export interface RecordHeader {
  /** A {@linkcode RecordId}. Readers skip records with any other id. */
  id: number;
  /** Size of the whole record in bytes: header, fixed part and variable part. */
  totalSize: number;
  /** Timestamp of the record, in nanoseconds of CLOCK_MONOTONIC. */
  timestamp: bigint;
}

/** Packs and unpacks a {@linkcode RecordHeader}. */
export const RecordHeader: Struct<RecordHeader> = struct<RecordHeader>(
  "RecordHeader",
  {
    id: "u32",
    totalSize: "u32",
    timestamp: "u64",
  },
);

/**
 * A loaded function: 56 bytes, the fields in this order. The function's name in UTF-8
 * with a NUL follows, then `codeSize` bytes of code.
 */
export interface CodeLoadRecord {
  /** Header with {@linkcode RecordId.JitCodeLoad}. */
  header: RecordHeader;
  /** Process that loaded the function. */
  pid: number;
  /** Thread that loaded the function. */
  tid: number;
  /** Virtual address of the code; the same as `codeAddr`. */
  vma: bigint;
  /** Address of the first byte of code. */
  codeAddr: bigint;
  /** Size of the code in bytes; perf (6.1 to 7.2) accepts at most 2 GiB − 1. */
  codeSize: bigint;
  /** Code index, unique in the process; perf names the function's ELF file by it. */
  codeIndex: bigint;
}

/** Packs and unpacks the fixed part of a {@linkcode CodeLoadRecord}. */
export const CodeLoadRecord: Struct<CodeLoadRecord> = struct<CodeLoadRecord>(
  "CodeLoadRecord",
  {
    header: RecordHeader,
    pid: "u32",
    tid: "u32",
    vma: "u64",
    codeAddr: "u64",
    codeSize: "u64",
    codeIndex: "u64",
  },
);

/** A moved function: 64 bytes, the fields in this order. */
export interface CodeMoveRecord {
  /** Header with {@linkcode RecordId.JitCodeMove}. */
  header: RecordHeader;
  /** Process that moved the function. */
  pid: number;
  /** Thread that moved the function. */
  tid: number;
  /** New virtual address of the code; the same as `newCodeAddr`. */
  vma: bigint;
  /** Old address of the first byte of code. */
  oldCodeAddr: bigint;
  /** New address of the first byte of code. */
  newCodeAddr: bigint;
  /** Size of the code in bytes. */
  codeSize: bigint;
  /** Code index of the function's {@linkcode CodeLoadRecord}. */
  codeIndex: bigint;
}

/** Packs and unpacks a {@linkcode CodeMoveRecord}. */
export const CodeMoveRecord: Struct<CodeMoveRecord> = struct<CodeMoveRecord>(
  "CodeMoveRecord",
  {
    header: RecordHeader,
    pid: "u32",
    tid: "u32",
    vma: "u64",
    oldCodeAddr: "u64",
    newCodeAddr: "u64",
    codeSize: "u64",
    codeIndex: "u64",
  },
);

/**
 * Source lines of the function that the next {@linkcode CodeLoadRecord} of the file
 * loads: 32 bytes, the fields in this order. `nrEntry` entries follow, each a
 * {@linkcode DebugEntry} with its file name.
 */
export interface DebugInfoRecord {
  /** Header with {@linkcode RecordId.JitCodeDebugInfo}. */
  header: RecordHeader;
  /** Address of the function's first byte. */
  codeAddr: bigint;
  /** Number of entries. */
  nrEntry: bigint;
}

/** Packs and unpacks the fixed part of a {@linkcode DebugInfoRecord}. */
export const DebugInfoRecord: Struct<DebugInfoRecord> = struct<DebugInfoRecord>(
  "DebugInfoRecord",
  {
    header: RecordHeader,
    codeAddr: "u64",
    nrEntry: "u64",
  },
);

/**
 * A source line of a {@linkcode DebugInfoRecord}: 16 bytes, the fields in this order. The
 * name of the source file in UTF-8 with a NUL follows.
 */
export interface DebugEntry {
  /** Address of the line's first instruction. */
  codeAddr: bigint;
  /** Line, counted from 1. */
  line: number;
  /** DWARF discriminator, or column counted from 1; 0 for none. */
  discrim: number;
}

/** Packs and unpacks the fixed part of a {@linkcode DebugEntry}. */
export const DebugEntry: Struct<DebugEntry> = struct<DebugEntry>("DebugEntry", {
  codeAddr: "u64",
  line: "u32",
  discrim: "u32",
});

/**
 * Unwind info of the function that the next {@linkcode CodeLoadRecord} of the file loads:
 * 40 bytes, the fields in this order. `unwindingSize` bytes follow: an `.eh_frame`
 * section, then its `.eh_frame_hdr`. (perf 6.1 to 7.2 expects this order; the specification
 * has the reverse.)
 */
export interface UnwindingInfoRecord {
  /** Header with {@linkcode RecordId.JitCodeUnwindingInfo}. */
  header: RecordHeader;
  /** Size of both sections in bytes. */
  unwindingSize: bigint;
  /**
   * Size of the `.eh_frame_hdr` in bytes. If it is 0, perf (6.1 to 7.2) applies the
   * unwind info to the following functions too.
   */
  ehFrameHdrSize: bigint;
  /**
   * Number of bytes that perf maps from the function's image after the code, from the next
   * multiple of 8; 0 for none.
   */
  mappedSize: bigint;
}

/** Packs and unpacks the fixed part of an {@linkcode UnwindingInfoRecord}. */
export const UnwindingInfoRecord: Struct<UnwindingInfoRecord> = struct<
  UnwindingInfoRecord
>("UnwindingInfoRecord", {
  header: RecordHeader,
  unwindingSize: "u64",
  ehFrameHdrSize: "u64",
  mappedSize: "u64",
});
