/**
 * The rules of the code to which a signal handler returns: `rt_sigreturn(2)`.
 *
 * The kernel has stored the registers of the interrupted code on the stack. glibc has unwind info
 * for this on x86-64. musl (1.2) has none, and neither has the vdso of AArch64 since Linux 5.8;
 * unwinders recognize the instructions, as libgcc does.
 *
 * @module
 */

import type { CodePattern } from "./code_pattern.ts";
import { DwarfReader } from "./dwarf_reader.ts";
import { DwarfWriter } from "./dwarf_writer.ts";
import type { SectionPart } from "./eh_frame_section.ts";
import type { RegisterRule } from "./frame_rules.ts";

const DW_OP_deref = 0x06;
const DW_OP_breg0 = 0x70;

/** The expressions of the rules. */
const expressions = new DwarfWriter();

/** Adds an expression that computes an address from the stack pointer. */
function address(sp: number, offset: number, isRead = false): SectionPart {
  const start = expressions.length;
  expressions.u8(DW_OP_breg0 + sp);
  expressions.sleb(offset);
  if (isRead) expressions.u8(DW_OP_deref);
  return { start, end: expressions.length };
}

/** Offsets of saved registers from the stack pointer, by DWARF's register numbers. */
type Saved = readonly (readonly [register: number, offset: number])[];

function pattern(
  code: readonly number[],
  sp: number,
  returnAddress: number,
  saved: Saved,
): CodePattern {
  const [, spOffset] = saved.find(([register]) => register === sp)!;
  const registers = saved.filter(([register]) => register !== sp)
    .map(([register, offset]): [number, RegisterRule] => [
      register,
      { kind: "expression", expression: address(sp, offset) },
    ]);
  const cfa = { expression: address(sp, spOffset, true) };
  return {
    code,
    rules: {
      row: { start: 0, cfa, registers },
      ...{ returnAddress, isSignalFrame: true },
    },
  };
}

/** r8 to r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip: `struct sigcontext_64`. */
const X86_ORDER = [8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7, 16];

/** Offset of these registers in the `struct ucontext` at the stack pointer. */
const X86_REGISTERS = 40;

const X86_64 = pattern(
  [
    ...[0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00], // mov rax, 15
    ...[0x0f, 0x05], // syscall
  ],
  7,
  16,
  X86_ORDER.map((register, i) => [register, X86_REGISTERS + 8 * i]),
);

/** Number of saved registers, which have DWARF's order: x0 to x30, sp and pc. */
const ARM_COUNT = 33;

/**
 * Offset of x0 in the `struct rt_sigframe` at the stack pointer: it follows 128 bytes of
 * `siginfo`, 176 of `ucontext`, and the fault's address.
 */
const ARM_REGISTERS = 312;

const AARCH64 = pattern(
  [
    ...[0x68, 0x11, 0x80, 0xd2], // mov x8, #139
    ...[0x01, 0x00, 0x00, 0xd4], // svc #0
  ],
  31,
  32,
  Array.from(
    { length: ARM_COUNT },
    (_, register) => [register, ARM_REGISTERS + 8 * register],
  ),
);

const bytes = expressions.finish();

/** The patterns, one for each machine. */
export const SIGRETURN: readonly CodePattern[] = [X86_64, AARCH64];

/** Returns a reader of an expression of these rules. */
export function sigreturnExpression({ start, end }: SectionPart): DwarfReader {
  const reader = new DwarfReader(bytes, 0, 0);
  reader.seek(start, end);
  return reader;
}
