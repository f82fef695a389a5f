/**
 * The records of a jitdump file: the fixed part of each.
 *
 * The layouts are those of the specification, Documentation/jitdump-specification.txt
 * under tools/perf of the Linux sources.
 *
 * @module
 */

import { type Struct, struct } from "./struct.ts";

/** What a record says; the `id` of its {@linkcode RecordHeader}. */
export enum RecordId {
  /** There is a function at an address: {@linkcode CodeLoadRecord}. */
  JitCodeLoad = 0,
  /** A function has moved to another address: {@linkcode CodeMoveRecord}. */
  JitCodeMove = 1,
  /** The source lines of the next loaded function: {@linkcode DebugInfoRecord}. */
  JitCodeDebugInfo = 2,
  /** No more code is made. */
  JitCodeClose = 3,
  /** The unwinding tables of the next loaded function: {@linkcode UnwindingInfoRecord}. */
  JitCodeUnwindingInfo = 4,
}

/**
 * The `id` that this module's writer gives to a part of a record that found no room on
 * a full disk. Readers skip a record that they do not know; perf does so silently.
 */
export const SKIPPED_RECORD_ID = 0xffff_ffff;

/**
 * What each record starts with, 16 bytes:
 *
 * | offset | type | field     |
 * | -----: | ---- | --------- |
 * |      0 | u32  | id        |
 * |      4 | u32  | totalSize |
 * |      8 | u64  | timestamp |
 */
export interface RecordHeader {
  /** A {@linkcode RecordId}, or another number; perf skips a record that it does not know. */
  id: number;
  /** The size in bytes of the whole record: header, fixed and variable part. */
  totalSize: number;
  /** When it became true, in nanoseconds of CLOCK_MONOTONIC. */
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
 * A function and where it is, 56 bytes. Behind them follow the function's name
 * in UTF-8 with a NUL, and `codeSize` bytes of code.
 *
 * | offset | type | field     |
 * | -----: | ---- | --------- |
 * |      0 |      | header    |
 * |     16 | u32  | pid       |
 * |     20 | u32  | tid       |
 * |     24 | u64  | vma       |
 * |     32 | u64  | codeAddr  |
 * |     40 | u64  | codeSize  |
 * |     48 | u64  | codeIndex |
 */
export interface CodeLoadRecord {
  /** With {@linkcode RecordId.JitCodeLoad}. */
  header: RecordHeader;
  /** The process that made the function. */
  pid: number;
  /** The thread that made the function. */
  tid: number;
  /** The code's virtual address; the same as `codeAddr`. */
  vma: bigint;
  /** Where the code's first byte is. */
  codeAddr: bigint;
  /** How many bytes of code there are; perf takes up to 2 GiB − 1. */
  codeSize: bigint;
  /** The function's number, unique in the process; perf names the function's ELF file by it. */
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

/**
 * A function that has moved, 64 bytes.
 *
 * | offset | type | field       |
 * | -----: | ---- | ----------- |
 * |      0 |      | header      |
 * |     16 | u32  | pid         |
 * |     20 | u32  | tid         |
 * |     24 | u64  | vma         |
 * |     32 | u64  | oldCodeAddr |
 * |     40 | u64  | newCodeAddr |
 * |     48 | u64  | codeSize    |
 * |     56 | u64  | codeIndex   |
 */
export interface CodeMoveRecord {
  /** With {@linkcode RecordId.JitCodeMove}. */
  header: RecordHeader;
  /** The process that moved the function. */
  pid: number;
  /** The thread that moved the function. */
  tid: number;
  /** The code's new virtual address; the same as `newCodeAddr`. */
  vma: bigint;
  /** Where the code's first byte was. */
  oldCodeAddr: bigint;
  /** Where the code's first byte is now. */
  newCodeAddr: bigint;
  /** How many bytes of code there are. */
  codeSize: bigint;
  /** The function's number, as its {@linkcode CodeLoadRecord} has it. */
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
 * The source lines of the function that the next {@linkcode CodeLoadRecord} of
 * the file loads, 32 bytes. Behind them follow `nrEntry` times a
 * {@linkcode DebugEntry} with its file name.
 *
 * | offset | type | field    |
 * | -----: | ---- | -------- |
 * |      0 |      | header   |
 * |     16 | u64  | codeAddr |
 * |     24 | u64  | nrEntry  |
 */
export interface DebugInfoRecord {
  /** With {@linkcode RecordId.JitCodeDebugInfo}. */
  header: RecordHeader;
  /** Where the function's first byte is. */
  codeAddr: bigint;
  /** How many entries follow. */
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
 * One source line of a {@linkcode DebugInfoRecord}, 16 bytes. Behind them
 * follows the source file's name in UTF-8 with a NUL.
 *
 * | offset | type | field    |
 * | -----: | ---- | -------- |
 * |      0 | u64  | codeAddr |
 * |      8 | u32  | line     |
 * |     12 | u32  | discrim  |
 */
export interface DebugEntry {
  /** Where the line's first instruction is. */
  codeAddr: bigint;
  /** The line, counted from 1. */
  line: number;
  /** DWARF's discriminator, or the column, counted from 1; 0 for none. */
  discrim: number;
}

/** Packs and unpacks the fixed part of a {@linkcode DebugEntry}. */
export const DebugEntry: Struct<DebugEntry> = struct<DebugEntry>("DebugEntry", {
  codeAddr: "u64",
  line: "u32",
  discrim: "u32",
});

/**
 * The unwinding tables of the function that the next {@linkcode CodeLoadRecord}
 * of the file loads, 40 bytes. Behind them follow `unwindingSize` bytes: an
 * `.eh_frame` section, and behind it its `.eh_frame_hdr`. (The specification has
 * them the other way round; perf does not.)
 *
 * | offset | type | field          |
 * | -----: | ---- | -------------- |
 * |      0 |      | header         |
 * |     16 | u64  | unwindingSize  |
 * |     24 | u64  | ehFrameHdrSize |
 * |     32 | u64  | mappedSize     |
 */
export interface UnwindingInfoRecord {
  /** With {@linkcode RecordId.JitCodeUnwindingInfo}. */
  header: RecordHeader;
  /** The size of both sections together. */
  unwindingSize: bigint;
  /** The size of the `.eh_frame_hdr` at their end; without one perf gives the tables to the functions that follow too. */
  ehFrameHdrSize: bigint;
  /**
   * How many bytes behind the code, from the next multiple of 8 on, perf takes
   * for mapped from the function's image; 0 for none.
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
