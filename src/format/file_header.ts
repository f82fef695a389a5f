/**
 * The header at the start of a jitdump file.
 *
 * The layout is that of the specification, Documentation/jitdump-specification.txt
 * under tools/perf of the Linux sources.
 *
 * @module
 */

import { type Struct, struct } from "./struct.ts";

/** The `magic` of a file: "JiTD", as the writing machine's byte order has it. */
export const JITDUMP_MAGIC = 0x4A695444;

/**
 * The `version` of a file. The specification's title says 2, but perf refuses
 * anything above 1.
 */
export const JITDUMP_VERSION = 1;

/**
 * The header at the start of a jitdump file, 40 bytes:
 *
 * | offset | type | field     |
 * | -----: | ---- | --------- |
 * |      0 | u32  | magic     |
 * |      4 | u32  | version   |
 * |      8 | u32  | totalSize |
 * |     12 | u32  | elfMach   |
 * |     16 | u32  | pad1      |
 * |     20 | u32  | pid       |
 * |     24 | u64  | timestamp |
 * |     32 | u64  | flags     |
 */
export interface FileHeader {
  /** {@linkcode JITDUMP_MAGIC}; with its bytes reversed where the file is of the other byte order. */
  magic: number;
  /** {@linkcode JITDUMP_VERSION}. */
  version: number;
  /** The header's own size in bytes; a reader goes on behind it. */
  totalSize: number;
  /** The code's machine, as ELF's `e_machine` has it. */
  elfMach: number;
  /** Padding, zero. */
  pad1: number;
  /** The process that made the code. */
  pid: number;
  /** When the file was made; the writers do not agree on a clock, and perf does not use it. */
  timestamp: bigint;
  /**
   * Bit 0 (`JITDUMP_FLAGS_ARCH_TIMESTAMP`): the timestamps are ticks of the
   * machine's counter, not nanoseconds of CLOCK_MONOTONIC. perf refuses a file
   * with any other bit set.
   */
  flags: bigint;
}

/** Packs and unpacks a {@linkcode FileHeader}. */
export const FileHeader: Struct<FileHeader> = struct<FileHeader>("FileHeader", {
  magic: "u32",
  version: "u32",
  totalSize: "u32",
  elfMach: "u32",
  pad1: "u32",
  pid: "u32",
  timestamp: "u64",
  flags: "u64",
});
