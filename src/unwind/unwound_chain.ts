/**
 * Call chains that were unwound.
 *
 * @module
 */

import type { Address } from "../symbols/address.ts";

/** Method by which a frame was found. */
export type FrameSource =
  /** It is the code that was interrupted. */
  | "context"
  /** By the rules of the frame that it called. */
  | "cfi"
  /** By the frame pointer. */
  | "fp"
  /** By a search of the stack for a return address and a frame pointer that fit together. */
  | "scan"
  /** It is from the call chain that the kernel recorded. */
  | "kernel";

/** Why a chain has no more frames. */
export type ChainEnd =
  /** The thread's first function was reached. */
  | "start of thread"
  /** The rest of the stack was not copied. */
  | "truncated stack"
  /** The last frames are the kernel's, which does not record why there are no more. */
  | "end of kernel chain"
  /** There are no rules for the last frame, and no frame pointer leads on. */
  | "no rules"
  /** The last frame's rules do not fit the stack, and no frame pointer leads on. */
  | "wrong rules"
  /** The registers are not there, or those of another machine. */
  | "no registers";

/** The ends of chains that lack callers. Whether a chain of the kernel's lacks any is not known. */
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
   * The frame was interrupted at its address. Otherwise it made a call, and the address is that
   * of the instruction after the call, which may be another function's.
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
