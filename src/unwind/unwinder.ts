/**
 * Unwinding of a call chain from the registers and a copy of the stack.
 *
 *     a frame has       the caller is found by
 *     ─────────────     ──────────────────────────────────────────────────────────────────
 *     rules             its rules (cfi), if they lead to a return address
 *     no rules          its frame pointer (fp), if that is plausible: aligned, further up the
 *                       stack than the frame, and next to a return address
 *     neither           the next position further up the stack that looks like a frame pointer
 *                       and a return address (scan): `ffi_call_unix64` of libffi 3.4 points rbp
 *                       to a separate block, with both 16 bytes further up
 *
 * For any input, each frame is further up the stack than the one that it called. The number of
 * frames is therefore limited by the number of return addresses that fit in the copy.
 *
 * @module
 */

import type { Address } from "../symbols/address.ts";
import { CallFrameError } from "./call_frame_error.ts";
import { evaluate, type ExpressionContext } from "./dwarf_expression.ts";
import type { CfaRule, RegisterRule } from "./frame_rules.ts";
import {
  type MachineRegisters,
  type RecordedRegisters,
  RegisterReader,
  registersOf,
  type RegisterValues,
} from "./machine_registers.ts";
import { SLOT, StackCopy } from "./stack_copy.ts";
import type { InstructionRules, RuleTable } from "./unwind_table.ts";
import type {
  ChainEnd,
  FrameSource,
  UnwoundChain,
  UnwoundFrame,
} from "./unwound_chain.ts";

/** Rules, and the position of their code in memory. */
export interface PlacedTable {
  readonly table: RuleTable;
  /** Distance of the code in memory from the table's addresses. */
  readonly bias: number;
}

/** The code of a process at one time. */
export interface CodeSpace {
  /** Returns the rules for the code at an address, if there are any. */
  tableAt(address: Address): PlacedTable | undefined;
  /** Returns whether code is mapped at an address. */
  isExecutable(address: Address): boolean;
}

/** Maximum distance between two frames; a stack has 8 MiB by default. */
const LONGEST_FRAME = 64 * 2 ** 20;

/** The size of a frame pointer and a return address. */
const FRAME_RECORD = 2 * SLOT;

/** Result of a step: the source of the caller, or the reason why it was not found. */
type Step = FrameSource | ChainEnd;

const SOURCES: ReadonlySet<Step> = new Set<Step>(["cfi", "fp", "scan"]);

const isSource = (step: Step): step is FrameSource => SOURCES.has(step);

/** Unwinds stacks of one machine. */
export class Unwinder {
  readonly #machine: MachineRegisters;
  readonly #reader: RegisterReader;
  /** The frame's registers. */
  #values: RegisterValues;
  /** The caller's registers. */
  #next: RegisterValues;
  #address: Address = 0;
  #isInterrupted = true;
  #stack = new StackCopy(0, new Uint8Array(0));
  #space!: CodeSpace;

  private constructor(machine: MachineRegisters) {
    this.#machine = machine;
    this.#reader = new RegisterReader(machine);
    this.#values = new Float64Array(machine.count);
    this.#next = new Float64Array(machine.count);
  }

  /** Creates an unwinder for a machine (ELF's `e_machine`); `undefined` if it is unknown. */
  static for(eMachine: number): Unwinder | undefined {
    const machine = registersOf(eMachine);
    return machine && new Unwinder(machine);
  }

  /**
   * Unwinds the stack of a sample. Never throws, for any sample and any rules.
   *
   * @param registers The registers of the user code.
   * @param stack The copied part of the user stack, from the stack pointer on.
   */
  unwind(
    registers: RecordedRegisters,
    stack: Uint8Array,
    space: CodeSpace,
  ): UnwoundChain {
    const address = this.#reader.read(registers, this.#values);
    if (address === undefined) return { frames: [], end: "no registers" };
    const { stackPointer } = this.#machine;
    this.#address = address;
    this.#isInterrupted = true;
    this.#stack = new StackCopy(this.#values[stackPointer], stack);
    this.#space = space;
    const frames: UnwoundFrame[] = [];
    // Frames of signal handlers may be on a separate stack, further up or down.
    const most = stack.length / SLOT + 2;
    for (let source: FrameSource = "context";;) {
      frames.push({
        address: this.#address,
        isInterrupted: this.#isInterrupted,
        source,
      });
      if (frames.length >= most) return { frames, end: "truncated stack" };
      const step = this.#step();
      if (!isSource(step)) return { frames, end: step };
      source = step;
    }
  }

  /** Moves to the caller. */
  #step(): Step {
    const address = this.#isInterrupted
      ? this.#address
      // A call may be the last instruction of a function.
      : this.#address - 1;
    const placed = this.#space.tableAt(address);
    const found = placed?.table.find(address - placed.bias);
    let failure: ChainEnd = "no rules";
    if (placed !== undefined && found !== undefined) {
      const step = this.#followRules(found, placed);
      if (step !== "wrong rules") return step;
      failure = step;
    }
    const step = this.#followFramePointer() ?? this.#scan();
    if (step !== undefined) return step;
    // A signal handler may have a separate stack.
    const { start, end } = this.#stack;
    const sp = this.#values[this.#machine.stackPointer];
    return sp >= start && sp < end ? failure : "truncated stack";
  }

  #followRules(found: InstructionRules, placed: PlacedTable): Step {
    const { row, returnAddress, isSignalFrame } = found;
    const { stackPointer, instructionPointer } = this.#machine;
    const [values, next, stack] = [this.#values, this.#next, this.#stack];
    const sp = values[stackPointer];
    if (instructionPointer !== undefined) {
      values[instructionPointer] = this.#address;
    }
    const context = { registers: values, stack, bias: placed.bias };
    const cfa = this.#cfa(row.cfa!, placed.table, context);
    const isLeaf = this.#isInterrupted && instructionPointer === undefined;
    const isFurtherUp = cfa > sp || isLeaf && cfa === sp;
    if (!isSignalFrame && !(isFurtherUp && cfa <= sp + LONGEST_FRAME)) {
      return "wrong rules";
    }
    next.set(values);
    if (instructionPointer !== undefined) next[instructionPointer] = NaN;
    next[stackPointer] = cfa;
    let isOutermost = false;
    for (const [register, rule] of row.registers) {
      if (register === returnAddress && rule.kind === "undefined") {
        isOutermost = true;
      }
      if (register < next.length) {
        const isCode = register === returnAddress ||
          register === this.#machine.link;
        next[register] = this.#value(
          register,
          rule,
          cfa,
          context,
          placed,
          isCode,
        );
      }
    }
    if (isOutermost) return "start of thread";
    const address = next[returnAddress] ?? NaN;
    if (Number.isNaN(address)) {
      return cfa > stack.end ? "truncated stack" : "wrong rules";
    }
    if (address === 0) return "start of thread";
    // A signal may have interrupted the first instruction of a mapping.
    const isCode = isSignalFrame
      ? this.#space.isExecutable(address)
      : this.#isReturnAddress(address);
    if (!isCode) return "wrong rules";
    this.#accept(address, isSignalFrame);
    return "cfi";
  }

  #accept(address: Address, isInterrupted: boolean): void {
    [this.#values, this.#next] = [this.#next, this.#values];
    this.#address = address;
    this.#isInterrupted = isInterrupted;
    const { link } = this.#machine;
    // The call has overwritten the link register.
    if (!isInterrupted && link !== undefined) this.#values[link] = NaN;
  }

  #cfa(rule: CfaRule, table: RuleTable, context: ExpressionContext): Address {
    if ("expression" in rule) {
      return evaluated(table, rule.expression, context);
    }
    return this.#values[rule.register] + rule.offset;
  }

  /** Returns the value of a register in the caller; NaN if it is unknown. */
  #value(
    register: number,
    rule: RegisterRule,
    cfa: Address,
    context: ExpressionContext,
    { table }: PlacedTable,
    isCode: boolean,
  ): number {
    const { registers } = context;
    switch (rule.kind) {
      case "undefined":
        return NaN;
      case "same":
        return registers[register];
      case "register":
        return registers[rule.value] ?? NaN;
      case "valueOffset":
        return cfa + rule.value;
      case "valueExpression":
        return evaluated(table, rule.expression, context, cfa);
      case "offset":
        return this.#read(cfa + rule.value, isCode);
      case "expression":
        return this.#read(
          evaluated(table, rule.expression, context, cfa),
          isCode,
        );
    }
  }

  #read(address: Address, isCode: boolean): number {
    return isCode ? this.#codeAddress(address) : this.#stack.read(address);
  }

  /** Reads a code address; NaN if the copy lacks it. */
  #codeAddress(at: Address): Address {
    const stack = this.#stack;
    if (!stack.has(at)) return NaN;
    return this.#machine.codeAddress(stack.high(at), stack.low(at));
  }

  #hasRules(address: Address): boolean {
    const placed = this.#space.tableAt(address);
    return placed?.table.find(address - placed.bias) !== undefined;
  }

  #isReturnAddress(address: Address): boolean {
    return address > 0 && this.#space.isExecutable(address - 1);
  }

  /** Follows the frame pointer; returns `undefined` if it is not plausible. */
  #followFramePointer(): Step | undefined {
    const { stackPointer, framePointer } = this.#machine;
    const sp = this.#values[stackPointer];
    const fp = this.#values[framePointer];
    if (fp === 0) return "start of thread";
    if (!isFurtherUp(fp, sp)) return undefined;
    if (!this.#stack.has(fp + SLOT)) return "truncated stack";
    return this.#followRecord(fp, "fp");
  }

  /** Searches the stack for a frame record that leads to another one. */
  #scan(): Step | undefined {
    const { stackPointer, framePointer } = this.#machine;
    const stack = this.#stack;
    const sp = this.#values[stackPointer];
    const fp = this.#values[framePointer];
    // Even an unusual frame pointer points to its frame.
    const start = isFurtherUp(fp, sp) && stack.has(fp)
      ? fp + SLOT
      : Math.ceil(sp / SLOT) * SLOT;
    for (let at = start; stack.has(at + SLOT); at += SLOT) {
      const next = stack.read(at);
      if (!isFurtherUp(next, at + FRAME_RECORD)) continue;
      const leadsToRecord = !stack.has(next + SLOT) ||
        this.#isReturnAddress(this.#codeAddress(next + SLOT));
      if (leadsToRecord && this.#followRecord(at, "scan") === "scan") {
        return "scan";
      }
    }
    return undefined;
  }

  /** Reads the caller's frame pointer and return address from the stack. */
  #followRecord(at: Address, source: FrameSource): Step | undefined {
    const { stackPointer, framePointer } = this.#machine;
    const next = this.#stack.read(at);
    const address = this.#codeAddress(at + SLOT);
    if (!this.#isReturnAddress(address)) return undefined;
    // Code with rules may use the register for other values: glibc's __libc_start_call_main.
    const isPlausible = next === 0 || isFurtherUp(next, at + FRAME_RECORD) ||
      source === "fp" && this.#hasRules(address - 1);
    if (!isPlausible) return undefined;
    // The other registers that the function has saved are unknown.
    this.#next.fill(NaN);
    this.#next[stackPointer] = at + FRAME_RECORD;
    this.#next[framePointer] = next;
    this.#accept(address, false);
    return source;
  }
}

/** Returns whether a frame pointer can be that of a frame at an address, or of its callers. */
function isFurtherUp(framePointer: Address, from: Address): boolean {
  return framePointer >= from && framePointer <= from + LONGEST_FRAME &&
    framePointer % SLOT === 0;
}

/** Evaluates an expression; NaN if it is malformed. */
function evaluated(
  table: RuleTable,
  expression: { start: number; end: number },
  context: ExpressionContext,
  initial?: Address,
): number {
  try {
    return evaluate(table.expression(expression), context, initial);
  } catch (error) {
    if (error instanceof CallFrameError) return NaN;
    throw error;
  }
}
