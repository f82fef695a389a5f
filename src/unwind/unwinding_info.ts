/**
 * The unwind info of a function.
 *
 * @module
 */

import {
  checkArray,
  checkBytes,
  checkObject,
  checkUnsigned,
} from "../arguments.ts";
import { ehFrameOffset } from "../format/image_layout.ts";
import { HOST_MACHINE } from "../format/machine.ts";
import { encodeEhFrame, type FrameStep } from "./call_frame.ts";
import { encodeEhFrameHdr } from "./eh_frame_hdr.ts";
import { findFdes } from "./eh_frame_scan.ts";

/** Effects of a function on its stack frame, or a complete `.eh_frame` section. */
export type Unwinding = Uint8Array | readonly FrameStep[];

/** The two sections, encoded for their position in perf's image. */
export interface UnwindInfo {
  readonly ehFrame: Uint8Array;
  readonly ehFrameHdr: Uint8Array;
}

/**
 * Encodes the unwind info of a function with `codeSize` bytes of code.
 *
 * @throws {TypeError} If the machine has no frame steps.
 * @throws {RangeError} If the steps or the section do not fit the code.
 */
export function encodeUnwindInfo(
  what: string,
  elfMach: number,
  codeSize: number,
  unwinding: Unwinding,
): UnwindInfo {
  const argument = "unwinding";
  if (ArrayBuffer.isView(unwinding)) {
    const ehFrame = checkBytes(what, argument, unwinding);
    const fdes = findFdes(what, argument, codeSize, ehFrame);
    return { ehFrame, ehFrameHdr: encodeEhFrameHdr(codeSize, ehFrame, fdes) };
  }
  const steps = checkArray(what, argument, unwinding);
  const { ehFrame, fde } = encodeEhFrame(
    what,
    argument,
    elfMach,
    codeSize,
    steps,
  );
  return { ehFrame, ehFrameHdr: encodeEhFrameHdr(codeSize, ehFrame, [fde]) };
}

/** Options for {@linkcode unwindingSpace}. */
export interface UnwindingSpaceOptions {
  /** Machine of the code: ELF's `e_machine`. Defaults to the running machine. */
  eMachine?: number;
}

/**
 * Returns the number of bytes that a JIT must keep free after a function with unwind info.
 *
 * perf (6.1 to 7.2) maps the unwind info to the memory after the code, where an unwinder
 * reads it:
 *
 * ```text
 *     without the space          with the space
 *     ┌──────────────┐           ┌──────────────┐
 *     │ f: code      │           │ f: code      │
 *     ├──────────────┤           ├──────────────┤
 *     │ g: code      │◀─ hides   │ f: unwind    │◀─ unwindingSpace()
 *     │              │   f's     │    info      │
 *     ├──────────────┤   unwind  ├──────────────┤
 *     │ g: unwind …  │   info    │ g: code      │
 * ```
 *
 * If another function's code is in that space, it may hide the unwind info, so that call
 * chains through this function end there, or perf attributes that code's samples to this
 * function.
 *
 * @param codeSize Size of the function's code in bytes.
 * @param unwinding As in {@linkcode JitFunction.unwinding}.
 * @param options See {@linkcode UnwindingSpaceOptions}.
 * @throws {TypeError} If an argument is of the wrong type.
 * @throws {RangeError} If an argument is out of range.
 *
 * @example Space after `sub rsp, 24 … add rsp, 24; ret`
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EM_X86_64, unwindingSpace } from "@jitdump/jitdump";
 *
 * const steps = [{ offset: 4, adjust: 24 }, { offset: 13, adjust: -24 }];
 * assertEquals(unwindingSpace(14, steps, { eMachine: EM_X86_64 }), 74);
 * ```
 */
export function unwindingSpace(
  codeSize: number,
  unwinding: Unwinding,
  options: UnwindingSpaceOptions = {},
): number {
  const what = "Cannot compute the unwinding space";
  checkUnsigned(what, "codeSize", 32, codeSize);
  const { eMachine = HOST_MACHINE } = checkObject(what, "options", options);
  checkUnsigned(what, "options.eMachine", 16, eMachine);
  const { ehFrame, ehFrameHdr } = encodeUnwindInfo(
    what,
    eMachine,
    codeSize,
    unwinding,
  );
  return ehFrameOffset(codeSize) - codeSize + ehFrame.length +
    ehFrameHdr.length;
}
