/**
 * The `.eh_frame` section of a function, encoded from its frame steps.
 *
 * The encoding is that of DWARF 5, section 6.4, in the variant of the Linux Standard Base
 * Core 5.0, 10.6.1. The numbers of registers are those of the psABI of each machine.
 *
 * @module
 */

import { checkArray, checkObject, checkUnsigned, show } from "../arguments.ts";
import {
  DW_CFA_advance_loc,
  DW_CFA_advance_loc1,
  DW_CFA_advance_loc2,
  DW_CFA_advance_loc4,
  DW_CFA_def_cfa,
  DW_CFA_def_cfa_offset,
  DW_CFA_def_cfa_register,
  DW_CFA_nop,
  DW_CFA_offset,
  DW_CFA_offset_extended,
  DW_CFA_remember_state,
  DW_CFA_restore,
  DW_CFA_restore_extended,
  DW_CFA_restore_state,
} from "./call_frame_instructions.ts";
import { DwarfWriter } from "./dwarf_writer.ts";
import { ehFrameOffset } from "../format/image_layout.ts";
import { EM_AARCH64, EM_X86_64 } from "../format/machine.ts";
import type { Fde } from "./eh_frame_hdr.ts";
import { DW_EH_PE_pcrel, DW_EH_PE_sdata4 } from "./pointer_encoding.ts";

/** The position of a frame step. */
export interface FrameStepOffset {
  /**
   * Offset of the first instruction after the step, in bytes from the start of the code: the
   * end of the instruction that performs the step.
   */
  offset: number;
}

/** Stores registers at the new top of the stack. */
export interface PushStep extends FrameStepOffset {
  /**
   * Names of the registers, the lowest in memory first. The stack grows by 8 bytes for
   * each.
   */
  push: readonly string[];
}

/** Loads registers from the top of the stack. */
export interface PopStep extends FrameStepOffset {
  /** Names of the registers, the lowest in memory first. */
  pop: readonly string[];
}

/** Moves the stack pointer. */
export interface AdjustStep extends FrameStepOffset {
  /** Number of bytes by which the stack grows; negative if it shrinks. */
  adjust: number;
}

/** Stores registers in the frame, without moving the stack pointer. */
export interface SaveStep extends FrameStepOffset {
  /** Names of the registers, the lowest in memory first. */
  save: readonly string[];
  /** Position of the first register, in bytes above the stack pointer. */
  at: number;
}

/** Copies the stack pointer to the frame pointer (RBP, X29). */
export interface SetFramePointerStep extends FrameStepOffset {
  /**
   * Moves of the stack pointer need no step until the frame pointer is popped, unless
   * registers are saved or popped later.
   */
  setFramePointer: true;
}

/** Restores the frame of the function's entry. */
export interface UnwoundStep extends FrameStepOffset {
  /** All registers have the values that they had at the function's entry. */
  unwound: true;
}

/** Remembers the state of the frame. */
export interface RememberStateStep extends FrameStepOffset {
  /** States are kept on a stack. */
  rememberState: true;
}

/** Restores the state of the frame that was remembered last. */
export interface RestoreStateStep extends FrameStepOffset {
  /** The state is removed from the stack of states. */
  restoreState: true;
}

/**
 * An effect of one instruction on the function's stack frame. Steps are in the order of
 * their offsets; an instruction may need several.
 *
 * The first step starts from the frame directly after a call. No steps at all describe a
 * leaf function that does not change the stack pointer. The usual prologue with a frame
 * pointer is
 *
 * | machine | code                        | steps                                  |
 * | ------- | --------------------------- | -------------------------------------- |
 * | x86-64  | `push rbp`                  | `{ offset: 1, push: ["rbp"] }`         |
 * |         | `mov rbp, rsp`              | `{ offset: 4, setFramePointer: true }` |
 * | AArch64 | `stp x29, x30, [sp, #-16]!` | `{ offset: 4, push: ["x29", "x30"] }`  |
 * |         | `mov x29, sp`               | `{ offset: 8, setFramePointer: true }` |
 *
 * An epilogue in the middle of the code remembers the state before it, and restores it
 * after the return:
 *
 * | code (x86-64)       | steps                                                                   |
 * | ------------------- | ----------------------------------------------------------------------- |
 * | `leave` ends at 91  | `{ offset: 91, rememberState: true }`, `{ offset: 91, unwound: true }`  |
 * | `ret` ends at 92    | `{ offset: 92, restoreState: true }`                                    |
 */
export type FrameStep =
  | PushStep
  | PopStep
  | AdjustStep
  | SaveStep
  | SetFramePointerStep
  | UnwoundStep
  | RememberStateStep
  | RestoreStateStep;

/** The properties of a machine. */
interface Machine {
  /** Size of the shortest instruction in bytes. */
  codeAlignment: number;
  /** Number of bytes that a call pushes for the return address. */
  entrySize: number;
  /** DWARF's number of the return address column. */
  returnAddress: number;
  stackPointer: number;
  framePointer: number;
  /** DWARF's numbers of the registers that can be saved, by name. */
  registers: Map<string, number>;
}

/** Numbers `count` registers from `first`; the first one is named `prefix` + `from`. */
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

/** Size of a stack slot in bytes, the unit of offsets in the frame. */
const SLOT = 8;

const POINTER_ENCODING = DW_EH_PE_pcrel | DW_EH_PE_sdata4;

/** The frame at one instruction. */
interface Frame {
  /** Distance of the stack pointer below the CFA in bytes. */
  depth: number;
  /** True if the CFA is computed from the frame pointer. */
  hasFramePointer: boolean;
  /** Distances of the saved registers below the CFA in bytes, by register number. */
  saved: ReadonlyMap<number, number>;
}

/** The instructions of one FDE, and the frame at the last of them. */
class FrameProgram {
  readonly #out: DwarfWriter;
  readonly #machine: Machine;
  /** Offset of the instruction to which the next rules apply. */
  #offset = 0;
  /** Offset to which the written rules have advanced. */
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

  /** Advances to the instruction at `offset`. */
  advanceTo(offset: number): void {
    this.#offset = offset;
  }

  /** Grows the stack; returns false if it would shrink below the entry's. */
  adjust(size: number): boolean {
    const frame = this.#frame;
    const depth = frame.depth + size;
    if (depth < this.#machine.entrySize) return false;
    this.#frame = { ...frame, depth };
    if (!frame.hasFramePointer) this.#rule(DW_CFA_def_cfa_offset, depth);
    return true;
  }

  /**
   * Stores registers, the first one `at` bytes above the stack pointer; returns false if
   * that is outside the frame.
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

  /** Loads registers from the top of the stack; returns false if it has fewer. */
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
      // The frame pointer is the caller's again. The slot that it was loaded from
      // determines the stack pointer.
      const depth = below + i * SLOT;
      this.#frame = { ...this.#frame, depth, hasFramePointer: false };
      this.#rule(DW_CFA_def_cfa_register, this.#machine.stackPointer);
    }
    return this.adjust(-registers.length * SLOT);
  }

  /** Copies the stack pointer to the frame pointer. */
  setFramePointer(): void {
    this.#frame = { ...this.#frame, hasFramePointer: true };
    const { framePointer } = this.#machine;
    this.#rule(DW_CFA_def_cfa, framePointer, this.#frame.depth);
  }

  /** Restores the frame of the function's entry. */
  unwind(): void {
    const { stackPointer, entrySize } = this.#machine;
    this.#rule(DW_CFA_def_cfa, stackPointer, entrySize);
    for (const register of this.#frame.saved.keys()) {
      this.#registerRule(DW_CFA_restore, DW_CFA_restore_extended, register);
    }
    this.#frame = this.#entryFrame();
  }

  /** Remembers the state of the frame. */
  rememberState(): void {
    this.#remembered.push(this.#frame);
    this.#rule(DW_CFA_remember_state);
  }

  /** Restores the last remembered state; returns false if there is none. */
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

/** The steps' function and the name of the argument, for checks and error messages. */
interface Context {
  what: string;
  argument: string;
  machine: Machine;
  codeSize: number;
}

/** Checks the offset of a step: aligned, in the code, and not before the previous step. */
function checkOffset(context: Context, value: unknown, least: number): number {
  const { what, argument, machine, codeSize } = context;
  const offset = checkUnsigned(what, `${argument}.offset`, 32, value);
  if (offset < least || offset > codeSize) {
    fail(
      context,
      "offset",
      `must ascend, and be from ${least} to ${codeSize}`,
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
      fail(context, field, "must contain only registers of the machine", name)
  );
}

/** Checks a number of bytes on the stack. */
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

/** Checks and applies each kind of step, by the field that identifies the kind. */
const ACTIONS: Record<
  string,
  // deno-lint-ignore no-explicit-any -- the step has the field; its value is checked here
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
      fail(context, "pop", "must not remove more than the stack contains", pop);
  },
  adjust(program, context, { adjust }) {
    program.adjust(checkSlots(context, "adjust", adjust)) ||
      fail(
        context,
        "adjust",
        "must not remove more than the stack contains",
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
      `${what}: "${argument}" must have exactly one of ${
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
 * Encodes the `.eh_frame` section of a function: one CIE, one FDE, a terminator. Its
 * distances are those of perf's image; see image_layout.ts.
 *
 * @param what Start of the error message.
 * @param argument Name of the steps in errors.
 * @param elfMach Machine of the code: ELF's `e_machine`.
 * @param codeSize Size of the function's code in bytes.
 * @param steps The steps, which are checked here.
 * @returns The section, and its FDE.
 */
export function encodeEhFrame(
  what: string,
  argument: string,
  elfMach: number,
  codeSize: number,
  steps: readonly FrameStep[],
): { ehFrame: Uint8Array; fde: Fde } {
  const machine = MACHINES[elfMach];
  if (!machine) {
    throw new TypeError(
      `${what}: "${argument}" must be a complete .eh_frame section for ELF machine ` +
        `${elfMach}; frame steps exist for x86-64 and AArch64`,
    );
  }
  const out = new DwarfWriter();

  // The CIE: the properties of all functions of the machine.
  out.u32(0); // length, patched below
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
  out.u32(0); // length, patched below
  out.u32(out.length); // CIE_pointer: distance back to the CIE
  out.u32(-(ehFrameOffset(codeSize) + out.length)); // distance to the code
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

  out.u32(0); // terminator
  return { ehFrame: out.finish(), fde: { at: start, start: 0 } };
}
