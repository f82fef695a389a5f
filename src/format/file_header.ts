/**
 * The header at the start of a jitdump file.
 *
 * The layout is that of tools/perf/Documentation/jitdump-specification.txt in Linux 6.12.
 *
 * @module
 */

import { type Struct, struct } from "./struct.ts";

/** The `magic` of a file: "JiTD", in the byte order of the machine that wrote it. */
export const JITDUMP_MAGIC = 0x4A695444;

/**
 * The `version` of a file. The specification's title names version 2, but perf (6.1 to
 * 7.2) refuses anything above 1.
 */
export const JITDUMP_VERSION = 1;

/** The header at the start of a jitdump file: 40 bytes, the fields in this order. */
export interface FileHeader {
  /** {@linkcode JITDUMP_MAGIC}, with its bytes reversed in a file of the other byte order. */
  magic: number;
  /** {@linkcode JITDUMP_VERSION}. */
  version: number;
  /** Size of the header in bytes; the first record follows it. */
  totalSize: number;
  /** Machine of the code: ELF's `e_machine`. */
  elfMach: number;
  /** Padding, zero. */
  pad1: number;
  /** Process that generated the code. */
  pid: number;
  /**
   * Time at which the file was created. Writers use different clocks, and perf (6.1 to
   * 7.2) ignores it.
   */
  timestamp: bigint;
  /**
   * Bit 0 (`JITDUMP_FLAGS_ARCH_TIMESTAMP`): timestamps are ticks of the machine's
   * counter, not nanoseconds of CLOCK_MONOTONIC. perf (6.1 to 7.2) refuses a file with
   * any other bit set.
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
