/**
 * The unwinding tables of a function.
 *
 * @module
 */

import {
  checkArray,
  checkBytes,
  checkObject,
  checkUnsigned,
} from "../arguments.ts";
import { type FrameStep, makeEhFrame } from "./call_frame.ts";
import { makeEhFrameHdr } from "./eh_frame_hdr.ts";
import { tailSize } from "../format/identity_tail.ts";
import { ehFrameOffset } from "../format/image_layout.ts";
import { HOST_MACHINE } from "../format/machine.ts";

/** What a function does to its frame, or a ready `.eh_frame` section that says it. */
export type Unwinding = Uint8Array | readonly FrameStep[];

/** The two sections, made for one place in perf's image. */
export interface UnwindingTables {
  ehFrame: Uint8Array;
  ehFrameHdr: Uint8Array;
}

/**
 * Makes the tables of a function whose image has `codeSize` bytes of code.
 *
 * @throws {TypeError} If the machine's frames cannot be described.
 * @throws {RangeError} If the steps or the section are not those of such a function.
 */
export function makeUnwindingTables(
  what: string,
  elfMach: number,
  codeSize: number,
  unwinding: Unwinding,
): UnwindingTables {
  const argument = "unwinding";
  const ehFrame = ArrayBuffer.isView(unwinding)
    ? checkBytes(what, argument, unwinding)
    : makeEhFrame(
      what,
      argument,
      elfMach,
      codeSize,
      checkArray(what, argument, unwinding),
    );
  const ehFrameHdr = makeEhFrameHdr(what, argument, codeSize, ehFrame);
  return { ehFrame, ehFrameHdr };
}

/** What {@linkcode unwindingSpace} can be told besides. */
export interface UnwindingSpaceOptions {
  /** As in {@linkcode JitFunction.padding}; it is part of the space. */
  padding?: number;
  /** The code's machine as ELF's `e_machine` has it; the running one's where it is left out. */
  eMachine?: number;
}

/**
 * How many bytes a JIT has to leave free behind a function with unwinding tables.
 *
 * perf takes the memory there for the tables' place, so that an unwinder can read
 * them. Another function's code in it would hide the tables, and the call chains
 * through this function would break off; or its samples would be taken for this
 * function's.
 *
 * @param codeSize The size of the function's code in bytes.
 * @param unwinding As in {@linkcode JitFunction.unwinding}.
 * @param options See {@linkcode UnwindingSpaceOptions}.
 * @throws {TypeError} If an argument is of the wrong type.
 * @throws {RangeError} If an argument is out of range.
 *
 * @example
 * ```ts
 * import { EM_X86_64, unwindingSpace } from "@jitdump/jitdump";
 *
 * // sub rsp, 24 … add rsp, 24; ret
 * const steps = [{ offset: 4, adjust: 24 }, { offset: 13, adjust: -24 }];
 * const space = unwindingSpace(14, steps, { eMachine: EM_X86_64 });
 * if (space !== 74) throw new Error("not reached");
 * ```
 */
export function unwindingSpace(
  codeSize: number,
  unwinding: Unwinding,
  options: UnwindingSpaceOptions = {},
): number {
  const what = "Cannot measure unwinding tables";
  checkUnsigned(what, "codeSize", 32, codeSize);
  checkObject(what, "options", options);
  const { padding = 0, eMachine = HOST_MACHINE } = options;
  checkUnsigned(what, "options.padding", 32, padding);
  checkUnsigned(what, "options.eMachine", 16, eMachine);
  const size = codeSize + tailSize(eMachine, padding);
  const { ehFrame, ehFrameHdr } = makeUnwindingTables(
    what,
    eMachine,
    size,
    unwinding,
  );
  return ehFrameOffset(size) + ehFrame.length + ehFrameHdr.length - codeSize;
}
