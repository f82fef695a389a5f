/**
 * Descriptions of a JIT's code, as callers pass them.
 *
 * @module
 */

import type { Unwinding } from "../unwind/unwinding_info.ts";
import type { SourceLine } from "./source_line.ts";

/** An address: a number, or a pointer that holds it. */
export type Address = bigint | number | Deno.PointerObject;

/** The time of a record. */
export interface RecordTime {
  /**
   * Timestamp of the record in nanoseconds of CLOCK_MONOTONIC, as
   * {@linkcode JitDumpFile.getTimeStamp} returns it. Defaults to now.
   */
  timestamp?: bigint;
}

/** The origin and time of a record. */
export interface RecordOrigin extends RecordTime {
  /** Process id. Defaults to this process. */
  pid?: number;
  /** The kernel's thread id. Defaults to this thread. */
  tid?: number;
}

/** A function that a JIT has generated. */
export interface JitFunction extends RecordOrigin {
  /**
   * Name that profilers show. Control characters are escaped, and an empty name becomes
   * `<anonymous>`.
   */
  name: string;
  /** Machine code; it is copied into the dump. */
  code: Uint8Array;
  /**
   * Address where the code runs. Defaults to the address of the bytes of `code`, which is
   * right for a view of executable memory.
   */
  address?: Address;
  /**
   * Source lines of the code, in any order. The first should have offset 0, or the
   * instructions before it have no line; the last one extends to the end of the code.
   */
  lines?: readonly SourceLine[];
  /**
   * Unwind info for `perf record --call-graph dwarf`: the effects of instructions on the
   * stack frame, or a complete `.eh_frame` section. Code that keeps frame pointers needs
   * none for `--call-graph fp`. perf 7.2 and 7.3-rc7 use unwind info only if the dump is
   * directly in `/tmp`; perf 6.1 and 6.12 use it in any directory.
   *
   * A section must be encoded for the next multiple of 8 after the code, with pc-relative
   * addresses.
   *
   * The memory after the code must be free of other functions;
   * {@linkcode unwindingSpace} returns how much.
   */
  unwinding?: Unwinding;
}

/** A function that has moved. */
export interface JitCodeMove extends RecordOrigin {
  /** Code index of the function, as the call that recorded it returned it. */
  codeIndex: bigint;
  /** Old address. */
  oldAddress: Address;
  /** New address. */
  newAddress: Address;
  /** Size of the code in bytes. */
  codeSize: number;
}

/** The content of a debug-info record. */
export interface JitDebugInfo extends RecordTime {
  /** Address of the function that is loaded next. */
  address: Address;
  /**
   * Source lines of the function. perf (6.1 to 7.2) expects them in ascending order of
   * addresses, and the last one covers no code.
   */
  entries: readonly {
    /** Address of the line's first instruction. */
    address: Address;
    /** Line, counted from 1. */
    line: number;
    /** DWARF discriminator, or a column. Defaults to 0. */
    discrim?: number;
    /** Source file. */
    file: string;
  }[];
}

/** The content of an unwinding-info record. */
export interface JitUnwindingInfo extends RecordTime {
  /** The `.eh_frame` section. */
  ehFrame: Uint8Array;
  /** The `.eh_frame_hdr` section. */
  ehFrameHdr: Uint8Array;
  /**
   * Number of bytes after the code, from the next multiple of 8, that perf maps from the
   * function's image; 0 for none.
   */
  mappedSize: number;
}
