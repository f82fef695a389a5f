/**
 * The rules of two functions of libffi, for binaries without unwind info.
 *
 * Deno's binary has no `.eh_frame` (2.9), but its code keeps frame pointers, with two
 * exceptions: the functions through which libffi calls, and is called by, other code. They are
 * recognized by the instructions after their calls (libffi 3.4 to 3.5, src/x86/unix64.S). Other
 * code with these instructions leaves its frame in the same way.
 *
 * On AArch64 both keep frame pointers (sysv.S).
 *
 * @module
 */

import type { CodePattern } from "./code_pattern.ts";
import type { CfaRule } from "./frame_rules.ts";

const RBP = 6;
const RSP = 7;
const RETURN_ADDRESS = 16;

function recognized(
  code: readonly number[],
  cfa: CfaRule,
  saved: readonly (readonly [register: number, offset: number])[],
): CodePattern {
  const registers = saved.map((
    [register, value],
  ) => [register, { kind: "offset", value }] as const);
  return {
    code,
    rules: {
      row: { start: 0, cfa, registers },
      returnAddress: RETURN_ADDRESS,
      isSignalFrame: false,
    },
  };
}

/** `ffi_call_unix64`: rbp points to a block with the caller's rbp and the return address. */
const CALL = recognized(
  [
    ...[0x48, 0x8d, 0x65, 0x18], // lea rsp, [rbp + 24]
    ...[0x48, 0x8b, 0x4d, 0x00], // mov rcx, [rbp]
    ...[0x48, 0x8b, 0x7d, 0x08], // mov rdi, [rbp + 8]
    ...[0x48, 0x8b, 0x6d, 0x10], // mov rbp, [rbp + 16]
  ],
  { register: RBP, offset: 32 },
  [[RBP, -16], [RETURN_ADDRESS, -8]],
);

/** `ffi_closure_unix64`: its frame has 216 bytes, and rbp is its caller's. */
const CLOSURE = recognized(
  [
    ...[0x48, 0x81, 0xc4, 0xd8, 0x00, 0x00, 0x00], // add rsp, 216
    0x3c, // cmp al, UNIX64_RET_LAST
  ],
  { register: RSP, offset: 224 },
  [[RETURN_ADDRESS, -8]],
);

/** The patterns of libffi. */
export const LIBFFI: readonly CodePattern[] = [CALL, CLOSURE];
