/**
 * From what a function does to its stack frame to the `.eh_frame` section by
 * which a profiler walks over it.
 *
 * The encoding is that of DWARF 5, section 6.4, in the form that the Linux
 * Standard Base gives `.eh_frame` ("Exception Frames"); the registers' numbers
 * are those of the machines' psABI supplements.
 *
 * @module
 */

import { checkArray, checkObject, checkUnsigned, show } from "./arguments.ts";
import { DwarfWriter } from "./dwarf_writer.ts";
import { ehFrameOffset } from "./image_layout.ts";
import { EM_AARCH64, EM_X86_64 } from "./machine.ts";

/**
 * What an instruction of a function does to the function's frame. `offset` is
 * that of the first instruction for which it holds: where the instruction that
 * does it ends, in bytes from the start of the code.
 *
 * The steps of a function start from the frame as a call leaves it, and none at
 * all describe a leaf that does not touch the stack pointer. The usual
 * prologue with a frame pointer is
 *
 * | machine | code                        | steps                                              |
 * | ------- | --------------------------- | -------------------------------------------------- |
 * | x86-64  | `push rbp`                  | `{ offset: 1, push: ["rbp"] }`                     |
 * |         | `mov rbp, rsp`              | `{ offset: 4, setFramePointer: true }`             |
 * |         | … `leave`, `ret`            | `{ offset: 91, until: 92, unwound: true }`         |
 * | AArch64 | `stp x29, x30, [sp, #-16]!` | `{ offset: 4, push: ["x29", "x30"] }`              |
 * |         | `mov x29, sp`               | `{ offset: 8, setFramePointer: true }`             |
 * |         | … `ldp x29, x30, [sp], #16`, `ret` | `{ offset: 92, until: 96, unwound: true }`  |
 */
export type FrameStep =
  | {
    offset: number;
    /**
     * Registers are stored at the new top of the stack, the first one lowest.
     * The stack grows by 8 bytes for each of them.
     */
    push: readonly string[];
  }
  | {
    offset: number;
    /** Registers are loaded from the top of the stack, the first one lowest. */
    pop: readonly string[];
  }
  | {
    offset: number;
    /** The stack grows by that many bytes; it shrinks where they are negative. */
    adjust: number;
  }
  | {
    offset: number;
    /**
     * The frame pointer (RBP, X29) becomes what the stack pointer is; from here on
     * the stack pointer may move without being followed.
     */
    setFramePointer: true;
  }
  | {
    offset: number;
    /** The offset of the first instruction for which it no longer holds. */
    until: number;
    /**
     * The frame is as it was at the function's entry: an epilogue has taken it
     * down, and the instructions up to `until` return or jump away.
     */
    unwound: true;
  };

/** What differs from machine to machine. */
interface Machine {
  /** The bytes of the shortest instruction. */
  codeAlignment: number;
  /** How much of the stack a call takes, for the return address. */
  entrySize: number;
  /** DWARF's number of the column in which the return address is found. */
  returnAddress: number;
  stackPointer: number;
  framePointer: number;
  /** DWARF's numbers of the registers that can be saved. */
  registers: Record<string, number>;
}

const x0To30 = Object.fromEntries(
  Array.from({ length: 31 }, (_, i) => [`x${i}`, i]),
);
const d8To15 = Object.fromEntries(
  Array.from({ length: 8 }, (_, i) => [`d${i + 8}`, i + 72]),
);
const r8To15 = Object.fromEntries(
  Array.from({ length: 8 }, (_, i) => [`r${i + 8}`, i + 8]),
);

const MACHINES: Record<number, Machine> = {
  [EM_X86_64]: {
    codeAlignment: 1,
    entrySize: 8,
    returnAddress: 16,
    stackPointer: 7,
    framePointer: 6,
    registers: {
      ...{ rax: 0, rdx: 1, rcx: 2, rbx: 3, rsi: 4, rdi: 5, rbp: 6 },
      ...r8To15,
    },
  },
  [EM_AARCH64]: {
    codeAlignment: 4,
    entrySize: 0,
    returnAddress: 30,
    stackPointer: 31,
    framePointer: 29,
    registers: { ...x0To30, ...d8To15 },
  },
};

/** The bytes of a stack slot; DWARF counts the frame in these. */
const SLOT = 8;

// DW_EH_PE_pcrel | DW_EH_PE_sdata4
const POINTER_ENCODING = 0x1b;

// DWARF 5, section 7.24; the first three have an operand in their low 6 bits.
const DW_CFA_advance_loc = 0x40;
const DW_CFA_offset = 0x80;
const DW_CFA_restore = 0xc0;
const DW_CFA_nop = 0x00;
const DW_CFA_advance_loc1 = 0x02;
const DW_CFA_advance_loc2 = 0x03;
const DW_CFA_advance_loc4 = 0x04;
const DW_CFA_offset_extended = 0x05;
const DW_CFA_restore_extended = 0x06;
const DW_CFA_remember_state = 0x0a;
const DW_CFA_restore_state = 0x0b;
const DW_CFA_def_cfa = 0x0c;
const DW_CFA_def_cfa_register = 0x0d;
const DW_CFA_def_cfa_offset = 0x0e;

/** The instructions of one FDE, and the frame at the last of them. */
class FrameProgram {
  readonly #out: DwarfWriter;
  readonly #machine: Machine;
  /** The offset of the instruction for which the rules hold that come next. */
  #offset = 0;
  /** The offset to which the rules that are written have advanced. */
  #location = 0;
  /** How far the stack pointer is below the CFA. */
  #depth: number;
  /** Whether the CFA is computed from the frame pointer. */
  #hasFramePointer = false;
  /** DWARF's numbers of the registers that lie in the frame. */
  readonly #saved = new Set<number>();

  constructor(out: DwarfWriter, machine: Machine) {
    this.#out = out;
    this.#machine = machine;
    this.#depth = machine.entrySize;
  }

  /** Goes on to the instruction at `offset`. */
  advanceTo(offset: number): void {
    this.#offset = offset;
  }

  /** The stack grows; returns whether there was as much to shrink. */
  adjust(size: number): boolean {
    this.#depth += size;
    if (!this.#hasFramePointer) {
      this.#rule(DW_CFA_def_cfa_offset, Math.max(this.#depth, 0));
    }
    return this.#depth >= this.#machine.entrySize;
  }

  /** The registers have been stored at the top of the stack. */
  save(registers: number[]): void {
    for (const [i, register] of registers.entries()) {
      this.#saved.add(register);
      this.#registerRule(DW_CFA_offset, DW_CFA_offset_extended, register);
      this.#out.uleb(this.#depth / SLOT - i);
    }
  }

  /** The registers have their callers' values again. */
  restore(registers: Iterable<number>): void {
    for (const register of registers) {
      this.#saved.delete(register);
      this.#registerRule(DW_CFA_restore, DW_CFA_restore_extended, register);
    }
  }

  setFramePointer(): void {
    this.#hasFramePointer = true;
    this.#rule(DW_CFA_def_cfa_register, this.#machine.framePointer);
  }

  /** The frame is as it was at entry. */
  unwind(): void {
    this.#rule(DW_CFA_remember_state);
    const { stackPointer, entrySize } = this.#machine;
    this.#rule(DW_CFA_def_cfa, stackPointer, entrySize);
    for (const register of this.#saved) {
      this.#registerRule(DW_CFA_restore, DW_CFA_restore_extended, register);
    }
  }

  /** The frame is as it was before `unwind()`. */
  rewind(): void {
    this.#rule(DW_CFA_restore_state);
  }

  #rule(opcode: number, ...operands: number[]): void {
    this.#advance();
    this.#out.u8(opcode);
    for (const operand of operands) this.#out.uleb(operand);
  }

  #registerRule(short: number, extended: number, register: number): void {
    if (register < 0x40) this.#rule(short | register);
    else this.#rule(extended, register);
  }

  #advance(): void {
    const out = this.#out;
    const delta = (this.#offset - this.#location) / this.#machine.codeAlignment;
    this.#location = this.#offset;
    if (delta === 0) return;
    if (delta < 0x40) {
      out.u8(DW_CFA_advance_loc | delta);
    } else if (delta < 0x100) {
      out.u8(DW_CFA_advance_loc1);
      out.u8(delta);
    } else if (delta < 0x1_0000) {
      out.u8(DW_CFA_advance_loc2);
      out.u16(delta);
    } else {
      out.u8(DW_CFA_advance_loc4);
      out.u32(delta);
    }
  }
}

/** Says whose steps they are, where they are wrong. */
interface Context {
  what: string;
  argument: string;
  machine: Machine;
  codeSize: number;
}

function checkOffset(
  { what, argument, machine, codeSize }: Context,
  field: string,
  value: unknown,
  least: number,
): number {
  const offset = checkUnsigned(what, `${argument}.${field}`, 32, value);
  if (
    offset < least || offset > codeSize || offset % machine.codeAlignment !== 0
  ) {
    throw new RangeError(
      `${what}: "${argument}.${field}" must be where an instruction of the code starts, ` +
        `from ${least} to ${codeSize}, got ${offset}`,
    );
  }
  return offset;
}

function checkRegisters(
  { what, argument, machine }: Context,
  field: string,
  names: unknown,
): number[] {
  return checkArray(what, `${argument}.${field}`, names as string[]).map((
    name,
  ) =>
    machine.registers[name] ?? fail(
      what,
      `"${argument}.${field}" has no register of the machine in it: ${
        show(name)
      }`,
    )
  );
}

function fail(what: string, message: string): never {
  throw new RangeError(`${what}: ${message}`);
}

/** What a step can say. */
const ACTIONS = ["push", "pop", "adjust", "setFramePointer", "unwound"];

/** Adds a step, and returns the least offset of the next one. */
function addStep(
  context: Context,
  program: FrameProgram,
  step: FrameStep,
  least: number,
): number {
  const { what, argument } = context;
  checkObject(what, argument, step);
  if (ACTIONS.filter((action) => action in step).length !== 1) {
    throw new TypeError(
      `${what}: "${argument}" must say one of ${ACTIONS.join(", ")}, got ${
        show(step)
      }`,
    );
  }
  const offset = checkOffset(context, "offset", step.offset, least);
  program.advanceTo(offset);
  if ("push" in step) {
    const registers = checkRegisters(context, "push", step.push);
    program.adjust(registers.length * SLOT);
    program.save(registers);
  } else if ("pop" in step) {
    const registers = checkRegisters(context, "pop", step.pop);
    program.restore(registers);
    program.adjust(-registers.length * SLOT) ||
      fail(what, `"${argument}.pop" takes more from the stack than lies there`);
  } else if ("adjust" in step) {
    const { adjust } = step;
    if (!Number.isInteger(adjust) || adjust % SLOT !== 0) {
      fail(
        what,
        `"${argument}.adjust" must be a multiple of ${SLOT}, got ${
          show(adjust)
        }`,
      );
    }
    program.adjust(adjust) ||
      fail(
        what,
        `"${argument}.adjust" takes more from the stack than lies there`,
      );
  } else if ("setFramePointer" in step) {
    program.setFramePointer();
  } else {
    const until = checkOffset(context, "until", step.until, offset);
    program.unwind();
    program.advanceTo(until);
    if (until < context.codeSize) program.rewind();
    return until;
  }
  return offset;
}

/**
 * Makes the `.eh_frame` section of a function: one CIE, one FDE, the end. Its
 * distances are those of perf's image; see image_layout.ts.
 *
 * @param what What an error begins with.
 * @param argument How errors name the steps.
 * @param elfMach The code's machine, ELF's `e_machine`.
 * @param codeSize The function's size in bytes.
 * @param steps Checked here.
 */
export function makeEhFrame(
  what: string,
  argument: string,
  elfMach: number,
  codeSize: number,
  steps: readonly FrameStep[],
): Uint8Array {
  const machine = MACHINES[elfMach];
  if (!machine) {
    throw new TypeError(
      `${what}: "${argument}" can be described for x86-64 and AArch64 only; ` +
        `for ELF machine ${elfMach} give ready .eh_frame bytes`,
    );
  }
  const out = new DwarfWriter();

  // The CIE: what all functions of the machine have in common.
  out.u32(0); // length, below
  out.u32(0); // CIE_id
  out.u8(1); // version
  for (const character of "zR\0") out.u8(character.charCodeAt(0));
  out.uleb(machine.codeAlignment);
  out.sleb(-SLOT); // data_alignment_factor
  out.uleb(machine.returnAddress);
  out.uleb(1); // the augmentation's length
  out.u8(POINTER_ENCODING);
  out.u8(DW_CFA_def_cfa);
  out.uleb(machine.stackPointer);
  out.uleb(machine.entrySize);
  if (machine.entrySize > 0) {
    out.u8(DW_CFA_offset | machine.returnAddress);
    out.uleb(machine.entrySize / SLOT);
  }
  out.align(8, DW_CFA_nop);
  out.patchU32(0, out.length - 4);

  // The FDE.
  const start = out.length;
  out.u32(0); // length, below
  out.u32(out.length); // CIE_pointer: how far back the CIE is
  out.u32(-(ehFrameOffset(codeSize) + out.length)); // from here to the code
  out.u32(codeSize);
  out.uleb(0); // the augmentation's length
  const program = new FrameProgram(out, machine);
  let least = 0;
  for (const [i, step] of steps.entries()) {
    const context = { what, argument: `${argument}[${i}]`, machine, codeSize };
    least = addStep(context, program, step, least);
  }
  out.align(8, DW_CFA_nop);
  out.patchU32(start, out.length - start - 4);

  out.u32(0); // no further entry
  return out.finish();
}
