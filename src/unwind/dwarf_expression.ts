/**
 * DWARF expressions that compilers, assemblers and the C library write to `.eh_frame`:
 * DWARF 5, section 2.5.
 *
 * @module
 */

import type { Address } from "../symbols/address.ts";
import type { DwarfReader } from "./dwarf_reader.ts";
import type { RegisterValues } from "./machine_registers.ts";
import type { StackCopy } from "./stack_copy.ts";

const DW_OP_addr = 0x03;
const DW_OP_deref = 0x06;
const DW_OP_const1u = 0x08;
const DW_OP_const1s = 0x09;
const DW_OP_const2u = 0x0a;
const DW_OP_const2s = 0x0b;
const DW_OP_const4u = 0x0c;
const DW_OP_const4s = 0x0d;
const DW_OP_const8u = 0x0e;
const DW_OP_const8s = 0x0f;
const DW_OP_constu = 0x10;
const DW_OP_consts = 0x11;
const DW_OP_dup = 0x12;
const DW_OP_drop = 0x13;
const DW_OP_over = 0x14;
const DW_OP_pick = 0x15;
const DW_OP_swap = 0x16;
const DW_OP_rot = 0x17;
const DW_OP_abs = 0x19;
const DW_OP_and = 0x1a;
const DW_OP_div = 0x1b;
const DW_OP_minus = 0x1c;
const DW_OP_mod = 0x1d;
const DW_OP_mul = 0x1e;
const DW_OP_neg = 0x1f;
const DW_OP_not = 0x20;
const DW_OP_or = 0x21;
const DW_OP_plus = 0x22;
const DW_OP_plus_uconst = 0x23;
const DW_OP_shl = 0x24;
const DW_OP_shr = 0x25;
const DW_OP_shra = 0x26;
const DW_OP_xor = 0x27;
const DW_OP_bra = 0x28;
const DW_OP_eq = 0x29;
const DW_OP_ge = 0x2a;
const DW_OP_gt = 0x2b;
const DW_OP_le = 0x2c;
const DW_OP_lt = 0x2d;
const DW_OP_ne = 0x2e;
const DW_OP_skip = 0x2f;
const DW_OP_lit0 = 0x30;
const DW_OP_reg0 = 0x50;
const DW_OP_breg0 = 0x70;
const DW_OP_fbreg = 0x91;
const DW_OP_bregx = 0x92;
const DW_OP_deref_size = 0x94;
const DW_OP_nop = 0x96;

/** Maximum number of operations in one evaluation: compilers and linkers need 10. */
const MOST_STEPS = 100;

/** Maximum number of values on the stack of an evaluation. */
const DEEPEST = 64;

/** The values that an expression refers to. */
export interface ExpressionContext {
  readonly registers: RegisterValues;
  readonly stack: StackCopy;
  /** Distance of the code in memory from the addresses in its file. */
  readonly bias: number;
}

/**
 * Evaluates an expression.
 *
 * @param reader The expression's bytes; reading starts at its position.
 * @param initial The value on the stack at the start, if there is one.
 * @returns The result; NaN if a register or memory is unknown, or the expression is invalid.
 * @throws {CallFrameError} If it is truncated.
 */
export function evaluate(
  reader: DwarfReader,
  context: ExpressionContext,
  initial?: Address,
): number {
  const start = reader.at;
  const stack: bigint[] = [];
  if (initial !== undefined) {
    if (!Number.isFinite(initial)) return NaN;
    stack.push(BigInt(initial));
  }
  for (let steps = 0; reader.at < reader.end; steps++) {
    if (steps === MOST_STEPS || stack.length > DEEPEST) return NaN;
    if (!step(reader, start, context, stack)) return NaN;
  }
  const result = stack.pop();
  return result === undefined ? NaN : Number(BigInt.asIntN(64, result));
}

/** Performs one operation; returns false if that is impossible. */
function step(
  reader: DwarfReader,
  start: number,
  context: ExpressionContext,
  stack: bigint[],
): boolean {
  const op = reader.u8();
  if (op >= DW_OP_lit0 && op < DW_OP_reg0) {
    stack.push(BigInt(op - DW_OP_lit0));
    return true;
  }
  if (op >= DW_OP_breg0 && op < DW_OP_fbreg) {
    return pushRegister(context, op - DW_OP_breg0, reader.sleb(), stack);
  }
  if (op >= DW_OP_and && op <= DW_OP_ne && BINARY[op] !== undefined) {
    const [b, a] = [stack.pop(), stack.pop()];
    if (a === undefined || b === undefined) return false;
    const result = BINARY[op](a, b);
    if (result === undefined) return false;
    stack.push(BigInt.asIntN(64, BigInt(result)));
    return true;
  }
  switch (op) {
    case DW_OP_nop:
      return true;
    case DW_OP_addr:
      return push(stack, reader.i64() + context.bias);
    case DW_OP_const1u:
      return push(stack, reader.u8());
    case DW_OP_const1s:
      return push(stack, reader.i8());
    case DW_OP_const2u:
      return push(stack, reader.u16());
    case DW_OP_const2s:
      return push(stack, reader.i16());
    case DW_OP_const4u:
      return push(stack, reader.u32());
    case DW_OP_const4s:
      return push(stack, reader.i32());
    case DW_OP_const8u:
    case DW_OP_const8s:
      return push(stack, reader.i64());
    case DW_OP_constu:
      return push(stack, reader.uleb());
    case DW_OP_consts:
      return push(stack, reader.sleb());
    case DW_OP_bregx:
      return pushRegister(context, reader.uleb(), reader.sleb(), stack);
    case DW_OP_deref:
      return dereference(context, SIZE_OF_WORD, stack);
    case DW_OP_deref_size:
      return dereference(context, reader.u8(), stack);
    case DW_OP_dup:
      return pick(stack, 0);
    case DW_OP_over:
      return pick(stack, 1);
    case DW_OP_pick:
      return pick(stack, reader.u8());
    case DW_OP_drop:
      return stack.pop() !== undefined;
    case DW_OP_swap:
      return rotate(stack, 2);
    case DW_OP_rot:
      return rotate(stack, 3);
    case DW_OP_abs:
      return unary(stack, (a) => a < 0n ? -a : a);
    case DW_OP_neg:
      return unary(stack, (a) => -a);
    case DW_OP_not:
      return unary(stack, (a) => ~a);
    case DW_OP_plus_uconst: {
      const addend = BigInt(reader.uleb());
      return unary(stack, (a) => a + addend);
    }
    case DW_OP_skip:
      return jump(reader, start, reader.i16());
    case DW_OP_bra: {
      const distance = reader.i16();
      const condition = stack.pop();
      if (condition === undefined) return false;
      return condition === 0n || jump(reader, start, distance);
    }
  }
  return false;
}

const SIZE_OF_WORD = 8;

const unsigned = (a: bigint) => BigInt.asUintN(64, a);

/** Operations of two operands; the second one was on top of the stack. */
const BINARY: Record<
  number,
  (a: bigint, b: bigint) => bigint | boolean | undefined
> = {
  [DW_OP_and]: (a, b) => a & b,
  [DW_OP_div]: (a, b) => b === 0n ? undefined : a / b,
  [DW_OP_minus]: (a, b) => a - b,
  [DW_OP_mod]: (a, b) => b === 0n ? undefined : unsigned(a) % unsigned(b),
  [DW_OP_mul]: (a, b) => a * b,
  [DW_OP_or]: (a, b) => a | b,
  [DW_OP_plus]: (a, b) => a + b,
  [DW_OP_shl]: (a, b) => unsigned(b) > 63n ? 0n : a << b,
  [DW_OP_shr]: (a, b) => unsigned(b) > 63n ? 0n : unsigned(a) >> b,
  [DW_OP_shra]: (a, b) => a >> (unsigned(b) > 63n ? 63n : b),
  [DW_OP_xor]: (a, b) => a ^ b,
  [DW_OP_eq]: (a, b) => a === b,
  [DW_OP_ge]: (a, b) => a >= b,
  [DW_OP_gt]: (a, b) => a > b,
  [DW_OP_le]: (a, b) => a <= b,
  [DW_OP_lt]: (a, b) => a < b,
  [DW_OP_ne]: (a, b) => a !== b,
};

function push(stack: bigint[], value: number): boolean {
  stack.push(BigInt.asIntN(64, BigInt(value)));
  return true;
}

function pushRegister(
  { registers }: ExpressionContext,
  register: number,
  offset: number,
  stack: bigint[],
): boolean {
  const value = registers[register];
  if (value === undefined || Number.isNaN(value)) return false;
  return push(stack, value + offset);
}

function dereference(
  { stack: memory }: ExpressionContext,
  size: number,
  stack: bigint[],
): boolean {
  const address = stack.pop();
  if (address === undefined || size < 1 || size > SIZE_OF_WORD) return false;
  const at = Number(address);
  if (!memory.has(at)) return false;
  const value = BigInt(memory.high(at)) << 32n | BigInt(memory.low(at));
  stack.push(
    size === SIZE_OF_WORD
      ? BigInt.asIntN(64, value)
      : BigInt.asUintN(8 * size, value),
  );
  return true;
}

function pick(stack: bigint[], depth: number): boolean {
  const value = stack.at(-1 - depth);
  if (value === undefined) return false;
  stack.push(value);
  return true;
}

/** Moves the top of the stack to the bottom of the topmost `count` values. */
function rotate(stack: bigint[], count: number): boolean {
  if (stack.length < count) return false;
  const top = stack.pop()!;
  stack.splice(stack.length + 1 - count, 0, top);
  return true;
}

function unary(stack: bigint[], operation: (a: bigint) => bigint): boolean {
  const value = stack.pop();
  if (value === undefined) return false;
  stack.push(BigInt.asIntN(64, operation(value)));
  return true;
}

/** Moves within the expression. */
function jump(reader: DwarfReader, start: number, distance: number): boolean {
  const to = reader.at + distance;
  if (to < start || to > reader.end) return false;
  reader.at = to;
  return true;
}
