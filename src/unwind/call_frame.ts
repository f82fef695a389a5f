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

import { checkArray, checkObject, checkUnsigned, show } from "../arguments.ts";
import { DwarfWriter } from "./dwarf_writer.ts";
import { ehFrameOffset } from "../format/image_layout.ts";
import { EM_AARCH64, EM_X86_64 } from "../format/machine.ts";

/**
 * What an instruction of a function does to the function's frame. `offset` is
 * that of the first instruction for which it holds: where the instruction that
 * does it ends, in bytes from the start of the code. Steps come in the order of
 * their offsets; what one instruction does may take several.
 *
 * The steps of a function start from the frame as a call leaves it, and none at
 * all describe a leaf that does not touch the stack pointer. The usual
 * prologue with a frame pointer is
 *
 * | machine | code                        | steps                                  |
 * | ------- | --------------------------- | -------------------------------------- |
 * | x86-64  | `push rbp`                  | `{ offset: 1, push: ["rbp"] }`         |
 * |         | `mov rbp, rsp`              | `{ offset: 4, setFramePointer: true }` |
 * | AArch64 | `stp x29, x30, [sp, #-16]!` | `{ offset: 4, push: ["x29", "x30"] }`  |
 * |         | `mov x29, sp`               | `{ offset: 8, setFramePointer: true }` |
 *
 * An epilogue that other code follows remembers the state before it, and restores
 * it behind the return:
 *
 * | code (x86-64)       | steps                                                                   |
 * | ------------------- | ----------------------------------------------------------------------- |
 * | `leave` ends at 91  | `{ offset: 91, rememberState: true }`, `{ offset: 91, unwound: true }`  |
 * | `ret` ends at 92    | `{ offset: 92, restoreState: true }`                                    |
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
    /** Registers are stored in the frame as it is, the first one lowest. */
    save: readonly string[];
    /** Where, in bytes above the stack pointer. */
    at: number;
  }
  | {
    offset: number;
    /**
     * The frame pointer (RBP, X29) becomes what the stack pointer is, until it is
     * popped. The stack pointer's moves need not be told from here on, unless
     * registers are saved or popped later.
     */
    setFramePointer: true;
  }
  | {
    offset: number;
    /** The frame is as it was at the function's entry. */
    unwound: true;
  }
  | {
    offset: number;
    /** The frame's state is remembered; several are, one above the other. */
    rememberState: true;
  }
  | {
    offset: number;
    /** The frame's state is again the one that was remembered last. */
    restoreState: true;
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
  registers: Map<string, number>;
}

/** Numbers `count` registers from `first` on, the first one called `prefix` + `from`. */
const numbered = (
  prefix: string,
  from: number,
  count: number,
  first: number,
) =>
  Array.from(
    { length: count },
    (_, i): [string, number] => [`${prefix}${from + i}`, first + i],
  );

const MACHINES: Record<number, Machine> = {
  [EM_X86_64]: {
    codeAlignment: 1,
    entrySize: 8,
    returnAddress: 16,
    stackPointer: 7,
    framePointer: 6,
    registers: new Map([
      ["rax", 0],
      ["rdx", 1],
      ["rcx", 2],
      ["rbx", 3],
      ["rsi", 4],
      ["rdi", 5],
      ["rbp", 6],
      ...numbered("r", 8, 8, 8),
    ]),
  },
  [EM_AARCH64]: {
    codeAlignment: 4,
    entrySize: 0,
    returnAddress: 30,
    stackPointer: 31,
    framePointer: 29,
    registers: new Map([
      ...numbered("x", 0, 31, 0),
      ...numbered("d", 8, 8, 72),
    ]),
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

/** The frame at one instruction. */
interface Frame {
  /** How far the stack pointer is below the CFA. */
  depth: number;
  /** Whether the CFA is computed from the frame pointer. */
  hasFramePointer: boolean;
  /** How far below the CFA each register lies that is in the frame, by its number. */
  saved: ReadonlyMap<number, number>;
}

/** The instructions of one FDE, and the frame at the last of them. */
class FrameProgram {
  readonly #out: DwarfWriter;
  readonly #machine: Machine;
  /** The offset of the instruction for which the rules hold that come next. */
  #offset = 0;
  /** The offset to which the rules that are written have advanced. */
  #location = 0;
  #frame: Frame;
  readonly #remembered: Frame[] = [];

  constructor(out: DwarfWriter, machine: Machine) {
    this.#out = out;
    this.#machine = machine;
    this.#frame = this.#entryFrame();
  }

  #entryFrame(): Frame {
    const depth = this.#machine.entrySize;
    return { depth, hasFramePointer: false, saved: new Map() };
  }

  /** Goes on to the instruction at `offset`. */
  advanceTo(offset: number): void {
    this.#offset = offset;
  }

  /** The stack grows; returns whether there was as much to shrink. */
  adjust(size: number): boolean {
    const frame = this.#frame;
    const depth = frame.depth + size;
    if (depth < this.#machine.entrySize) return false;
    this.#frame = { ...frame, depth };
    if (!frame.hasFramePointer) this.#rule(DW_CFA_def_cfa_offset, depth);
    return true;
  }

  /**
   * The registers are stored, the first one `at` bytes above the stack pointer;
   * returns whether the frame reaches as far.
   */
  save(registers: number[], at: number): boolean {
    const saved = new Map(this.#frame.saved);
    for (const [i, register] of registers.entries()) {
      const below = this.#frame.depth - at - i * SLOT;
      if (below <= this.#machine.entrySize) return false;
      saved.set(register, below);
      this.#registerRule(DW_CFA_offset, DW_CFA_offset_extended, register);
      this.#out.uleb(below / SLOT);
    }
    this.#frame = { ...this.#frame, saved };
    return true;
  }

  /**
   * The registers are loaded from the top of the stack, which shrinks; returns
   * whether there was as much.
   */
  pop(registers: number[]): boolean {
    const { framePointer } = this.#machine;
    const { saved, hasFramePointer } = this.#frame;
    const rest = new Map(saved);
    for (const register of registers) {
      rest.delete(register);
      this.#registerRule(DW_CFA_restore, DW_CFA_restore_extended, register);
    }
    this.#frame = { ...this.#frame, saved: rest };
    const i = registers.indexOf(framePointer);
    const below = saved.get(framePointer);
    if (hasFramePointer && i >= 0 && below !== undefined) {
      // The frame pointer is the caller's again. Where it lay tells where the stack
      // pointer is, however that came there.
      const depth = below + i * SLOT;
      this.#frame = { ...this.#frame, depth, hasFramePointer: false };
      this.#rule(DW_CFA_def_cfa_register, this.#machine.stackPointer);
    }
    return this.adjust(-registers.length * SLOT);
  }

  setFramePointer(): void {
    this.#frame = { ...this.#frame, hasFramePointer: true };
    const { framePointer } = this.#machine;
    this.#rule(DW_CFA_def_cfa, framePointer, this.#frame.depth);
  }

  /** The frame is as it was at entry. */
  unwind(): void {
    const { stackPointer, entrySize } = this.#machine;
    this.#rule(DW_CFA_def_cfa, stackPointer, entrySize);
    for (const register of this.#frame.saved.keys()) {
      this.#registerRule(DW_CFA_restore, DW_CFA_restore_extended, register);
    }
    this.#frame = this.#entryFrame();
  }

  rememberState(): void {
    this.#remembered.push(this.#frame);
    this.#rule(DW_CFA_remember_state);
  }

  /** Returns whether there is a state that was remembered. */
  restoreState(): boolean {
    const frame = this.#remembered.pop();
    if (!frame) return false;
    this.#frame = frame;
    this.#rule(DW_CFA_restore_state);
    return true;
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

/** Where a step holds: at an instruction, and not before the step before it. */
function checkOffset(context: Context, value: unknown, least: number): number {
  const { what, argument, machine, codeSize } = context;
  const offset = checkUnsigned(what, `${argument}.offset`, 32, value);
  if (offset < least || offset > codeSize) {
    fail(
      context,
      "offset",
      `must be from ${least} (steps ascend) to ${codeSize}`,
      offset,
    );
  }
  if (offset % machine.codeAlignment !== 0) {
    fail(
      context,
      "offset",
      `must be a multiple of ${machine.codeAlignment}`,
      offset,
    );
  }
  return offset;
}

function checkRegisters(
  context: Context,
  field: string,
  names: readonly string[],
): number[] {
  const { what, argument, machine } = context;
  return checkArray(what, `${argument}.${field}`, names).map((name) =>
    machine.registers.get(name) ??
      fail(context, field, "must have registers of the machine in it", name)
  );
}

/** A number of bytes on the stack. */
function checkSlots(context: Context, field: string, value: number): number {
  if (Number.isSafeInteger(value) && value % SLOT === 0) return value;
  fail(context, field, `must be a multiple of ${SLOT}`, value);
}

function fail(
  { what, argument }: Context,
  field: string,
  expected: string,
  value: unknown,
): never {
  throw new RangeError(
    `${what}: "${argument}.${field}" ${expected}, got ${show(value)}`,
  );
}

/** How each kind of step is checked and done, by the field that tells the kind. */
const ACTIONS: Record<
  string,
  // deno-lint-ignore no-explicit-any -- the step has the field, and is checked here
  (program: FrameProgram, context: Context, step: any) => void
> = {
  push(program, context, { push }) {
    const registers = checkRegisters(context, "push", push);
    program.adjust(registers.length * SLOT);
    program.save(registers, 0);
  },
  pop(program, context, { pop }) {
    const registers = checkRegisters(context, "pop", pop);
    program.pop(registers) ||
      fail(context, "pop", "must take no more than lies on the stack", pop);
  },
  adjust(program, context, { adjust }) {
    program.adjust(checkSlots(context, "adjust", adjust)) ||
      fail(
        context,
        "adjust",
        "must take no more than lies on the stack",
        adjust,
      );
  },
  save(program, context, { save, at }) {
    const registers = checkRegisters(context, "save", save);
    program.save(registers, checkSlots(context, "at", at)) ||
      fail(context, "at", "must be inside the frame", at);
  },
  setFramePointer(program, context, { setFramePointer }) {
    checkTrue(context, "setFramePointer", setFramePointer);
    program.setFramePointer();
  },
  unwound(program, context, { unwound }) {
    checkTrue(context, "unwound", unwound);
    program.unwind();
  },
  rememberState(program, context, { rememberState }) {
    checkTrue(context, "rememberState", rememberState);
    program.rememberState();
  },
  restoreState(program, context, { restoreState }) {
    checkTrue(context, "restoreState", restoreState);
    program.restoreState() ||
      fail(
        context,
        "restoreState",
        "must follow a rememberState",
        restoreState,
      );
  },
};

function checkTrue(context: Context, field: string, value: unknown): void {
  if (value !== true) fail(context, field, "must be true", value);
}

/** Adds a step, and returns the least offset of the next one. */
function addStep(
  context: Context,
  program: FrameProgram,
  step: FrameStep,
  least: number,
): number {
  const { what, argument } = context;
  checkObject(what, argument, step);
  const kinds = Object.keys(ACTIONS).filter((kind) => kind in step);
  if (kinds.length !== 1) {
    throw new TypeError(
      `${what}: "${argument}" must have one of ${
        Object.keys(ACTIONS).join(", ")
      }, got ${show(step)}`,
    );
  }
  const offset = checkOffset(context, step.offset, least);
  program.advanceTo(offset);
  ACTIONS[kinds[0]](program, context, step);
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
