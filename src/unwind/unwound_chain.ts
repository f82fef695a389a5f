/**
 * The results of unwinding: call chains.
 *
 * @module
 */

import type { Address } from "../symbols/address.ts";

/** Method by which a frame was found. */
export type FrameSource =
  /** The frame is the interrupted code. */
  | "context"
  /** The rules (call frame information) of the frame that it called. */
  | "cfi"
  /** The frame pointer. */
  | "fp"
  /** A search of the stack for a return address and a frame pointer that fit together. */
  | "scan"
  /** The call chain that the kernel recorded. */
  | "kernel";

/** Reason why a chain has no more frames. */
export type ChainEnd =
  /** The thread's first function was reached. */
  | "start of thread"
  /** The rest of the stack was not copied. */
  | "truncated stack"
  /** The last frames are from the kernel, which does not record the reason. */
  | "end of kernel chain"
  /** The last frame has no rules, and no frame pointer leads to its caller. */
  | "no rules"
  /** The last frame's rules do not fit the stack, and no frame pointer leads to its caller. */
  | "wrong rules"
  /** The registers are missing, or are those of another machine. */
  | "no registers";

/** Ends of chains that lack callers. For a chain from the kernel, that is unknown. */
const LOST: ReadonlySet<ChainEnd> = new Set<ChainEnd>([
  "truncated stack",
  "no rules",
  "wrong rules",
  "no registers",
]);

/** Returns whether a chain lacks its outer callers. */
export const areCallersLost = (end: ChainEnd): boolean => LOST.has(end);

/** A frame of a call chain. */
export interface UnwoundFrame {
  /** Address of the instruction at which the frame continues. */
  readonly address: Address;
  /**
   * True if the frame was interrupted at its address. Otherwise it made a call, and the address
   * is that of the instruction after the call, which may belong to another function.
   */
  readonly isInterrupted: boolean;
  readonly source: FrameSource;
}

/** A call chain. */
export interface UnwoundChain {
  /** The frames, innermost first. */
  readonly frames: UnwoundFrame[];
  readonly end: ChainEnd;
}
