/**
 * What callers say of a JIT's code.
 *
 * @module
 */

import type { SourceLine } from "./source_line.ts";
import type { Unwinding } from "../unwind/unwinding_info.ts";

/** An address: a number, or a pointer that holds it. */
export type Address = bigint | number | Deno.PointerObject;

/** When a record's statement became true. */
export interface RecordTime {
  /**
   * Since when it is so, in nanoseconds of CLOCK_MONOTONIC, as
   * {@linkcode JitDumpFile.getTimeStamp} gives it. Left out, it is now.
   */
  timestamp?: bigint;
}

/** Who did what a record states, and when. */
export interface RecordOrigin extends RecordTime {
  /** The process that did it; this one where it is left out. */
  pid?: number;
  /** The thread that did it, as the kernel numbers them; this one where it is left out. */
  tid?: number;
}

/** A function that a JIT has made. */
export interface JitFunction extends RecordOrigin {
  /**
   * The name that profilers show. Control characters are escaped, and an empty
   * name becomes `<anonymous>`.
   */
  name: string;
  /** The machine code; it is copied into the dump. */
  code: Uint8Array;
  /**
   * Where the code runs. Left out, it is the address of `code`'s own bytes,
   * which is right for a view over executable memory.
   */
  address?: Address;
  /**
   * The source line of each instruction. Entries may come in any order. The first
   * should have offset 0, or the instructions before it have no line; the last
   * one's line goes on to the end of the code.
   */
  lines?: readonly SourceLine[];
  /**
   * How to walk over the function's stack frame, for `perf record --call-graph
   * dwarf`: what its instructions do to the frame, or a ready `.eh_frame` section.
   * Code that keeps frame pointers needs none for `--call-graph fp`.
   *
   * A ready section must be made for the place behind the code (and its tail, where
   * there is one; see {@linkcode JitFunction.padding}) at the next multiple of 8, and
   * have pc-relative addresses.
   *
   * The memory behind the code must then be free of other functions;
   * {@linkcode unwindingSpace} says how much of it.
   */
  unwinding?: Unwinding;
  /**
   * How many bytes behind the code are padding: never run, and no other function's.
   * 0 where it is left out.
   *
   * Where there are 8 or more, and the machine is x86-64 or AArch64, the function's
   * image gets a tail of 8 bytes in which its code index stands, as instructions that
   * do nothing. By it those versions of perf tell functions with the same code apart
   * that take them for one otherwise, and show one's name for all. The price: the
   * function counts as 8 bytes longer, and a disassembly ends with one or two
   * instructions that are not in memory.
   */
  padding?: number;
}

/** A function that has moved. */
export interface JitCodeMove extends RecordOrigin {
  /** The function's number, as the call that dumped it returned it. */
  codeIndex: bigint;
  /** Where it was. */
  oldAddress: Address;
  /** Where it is now. */
  newAddress: Address;
  /** The size of its code in bytes. */
  codeSize: number;
}

/** The content of a debug-info record, as it stands in the file. */
export interface JitDebugInfo extends RecordTime {
  /** Where the function that is loaded next starts. */
  address: Address;
  /**
   * Its lines. perf wants them in ascending order, and lets the last one cover
   * nothing.
   */
  entries: readonly {
    /** Where the line's first instruction is. */
    address: Address;
    /** The line, counted from 1. */
    line: number;
    /** DWARF's discriminator, or a column; 0 where it is left out. */
    discrim?: number;
    /** The source file. */
    file: string;
  }[];
}

/** The content of an unwinding-info record, as it stands in the file. */
export interface JitUnwindingInfo extends RecordTime {
  /** The `.eh_frame` section. */
  ehFrame: Uint8Array;
  /** The `.eh_frame_hdr` section. */
  ehFrameHdr: Uint8Array;
  /**
   * How many bytes behind the code, from the next multiple of 8 on, perf takes for
   * the function's; 0 for none.
   */
  mappedSize: number;
}
