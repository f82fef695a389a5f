/**
 * The rules by which frames are unwound, decoded from an FDE: DWARF 5, section 6.4.
 *
 * @module
 */

import type { Address } from "../symbols/address.ts";
import { CallFrameError } from "./call_frame_error.ts";
import {
  DW_CFA_AARCH64_negate_ra_state,
  DW_CFA_AARCH64_negate_ra_state_with_pc,
  DW_CFA_advance_loc,
  DW_CFA_advance_loc1,
  DW_CFA_advance_loc2,
  DW_CFA_advance_loc4,
  DW_CFA_def_cfa,
  DW_CFA_def_cfa_expression,
  DW_CFA_def_cfa_offset,
  DW_CFA_def_cfa_offset_sf,
  DW_CFA_def_cfa_register,
  DW_CFA_def_cfa_sf,
  DW_CFA_expression,
  DW_CFA_GNU_args_size,
  DW_CFA_GNU_negative_offset_extended,
  DW_CFA_MIPS_advance_loc8,
  DW_CFA_nop,
  DW_CFA_offset,
  DW_CFA_offset_extended,
  DW_CFA_offset_extended_sf,
  DW_CFA_register,
  DW_CFA_remember_state,
  DW_CFA_restore,
  DW_CFA_restore_extended,
  DW_CFA_restore_state,
  DW_CFA_same_value,
  DW_CFA_set_loc,
  DW_CFA_undefined,
  DW_CFA_val_expression,
  DW_CFA_val_offset,
  DW_CFA_val_offset_sf,
  PRIMARY_OPCODE,
} from "./call_frame_instructions.ts";
import type { DwarfReader } from "./dwarf_reader.ts";
import type {
  Cie,
  EhFrameSection,
  FrameDescription,
  SectionPart,
} from "./eh_frame_section.ts";

/** Rule for a register's value in the caller. */
export type RegisterRule =
  /** The value is unknown. */
  | { readonly kind: "undefined" }
  /** The value is the same as in this frame. */
  | { readonly kind: "same" }
  /** The value is in memory, `value` bytes after the CFA. */
  | { readonly kind: "offset"; readonly value: number }
  /** The value is the CFA plus `value`. */
  | { readonly kind: "valueOffset"; readonly value: number }
  /** The value is in another register. */
  | { readonly kind: "register"; readonly value: number }
  /** The value is in memory, at the address that an expression computes. */
  | { readonly kind: "expression"; readonly expression: SectionPart }
  /** An expression computes the value. */
  | { readonly kind: "valueExpression"; readonly expression: SectionPart };

/** Rule for the canonical frame address: a register plus an offset, or an expression. */
export type CfaRule =
  | { readonly register: number; readonly offset: number }
  | { readonly expression: SectionPart };

/** The rules for a range of instructions. */
export interface FrameRow {
  /** Address of the first instruction. */
  readonly start: Address;
  /** Rule for the CFA; `undefined` if no instruction defines it. */
  readonly cfa: CfaRule | undefined;
  /** Rules of the registers that have any, with DWARF's numbers. */
  readonly registers: readonly (readonly [number, RegisterRule])[];
}

/** The rules of a function. */
export interface FrameRules {
  readonly cie: Cie;
  readonly start: Address;
  readonly size: number;
  /** The rows, in the order of their addresses. */
  readonly rows: readonly FrameRow[];
}

/** Maximum size of the instructions of an entry: no function needs more. */
const LONGEST = 64 * 1024;

/** Number of registers that unwinding uses; rules of others are ignored. */
const MOST_REGISTERS = 34;

/** The rules at one instruction. */
interface State {
  cfa: CfaRule | undefined;
  registers: Map<number, RegisterRule>;
}

const UNDEFINED: RegisterRule = { kind: "undefined" };
const SAME: RegisterRule = { kind: "same" };

/**
 * Decodes the rules of a function.
 *
 * @throws {CallFrameError} If they are malformed.
 */
export function decodeRules(
  section: EhFrameSection,
  fde: FrameDescription,
): FrameRules {
  const { cie, start, size } = fde;
  const initial = new RuleDecoder(cie, start);
  initial.run(section.read(limited(cie.instructions)));
  const decoder = new RuleDecoder(cie, start, initial.state);
  decoder.run(section.read(limited(fde.instructions)));
  return { cie, start, size, rows: decoder.finish() };
}

function limited(part: SectionPart): SectionPart {
  if (part.end - part.start <= LONGEST) return part;
  throw new CallFrameError(
    `an entry has ${part.end - part.start} bytes of instructions`,
    part.start,
  );
}

/** Executes call frame instructions. */
class RuleDecoder {
  readonly #cie: Cie;
  /** The state after the CIE's instructions. */
  readonly #initial: State | undefined;
  readonly #rows: FrameRow[] = [];
  readonly #remembered: State[] = [];
  #location: Address;
  #state: State;

  constructor(cie: Cie, start: Address, initial?: State) {
    this.#cie = cie;
    this.#location = start;
    this.#initial = initial;
    this.#state = copyOf(initial ?? { cfa: undefined, registers: new Map() });
  }

  /** The state after the last instruction. */
  get state(): State {
    return this.#state;
  }

  /** Returns the rows. */
  finish(): FrameRow[] {
    this.#endRow();
    return this.#rows;
  }

  run(reader: DwarfReader): void {
    while (reader.at < reader.end) {
      const opcode = reader.u8();
      const operand = opcode & ~PRIMARY_OPCODE;
      switch (opcode & PRIMARY_OPCODE) {
        case DW_CFA_advance_loc:
          this.#advance(operand);
          break;
        case DW_CFA_offset:
          this.#saveAt(operand, reader.uleb());
          break;
        case DW_CFA_restore:
          this.#restore(operand);
          break;
        default:
          this.#extended(opcode, reader);
      }
    }
  }

  #extended(opcode: number, reader: DwarfReader): void {
    switch (opcode) {
      case DW_CFA_nop:
      // The signature of a return address is removed wherever one is read.
      case DW_CFA_AARCH64_negate_ra_state:
        return;
      case DW_CFA_AARCH64_negate_ra_state_with_pc:
      case DW_CFA_GNU_args_size:
        reader.uleb();
        return;
      case DW_CFA_set_loc:
        return this.#moveTo(reader.pointer(this.#cie.pointerEncoding));
      case DW_CFA_advance_loc1:
        return this.#advance(reader.u8());
      case DW_CFA_advance_loc2:
        return this.#advance(reader.u16());
      case DW_CFA_advance_loc4:
        return this.#advance(reader.u32());
      case DW_CFA_MIPS_advance_loc8:
        return this.#advance(reader.i64());
      case DW_CFA_offset_extended:
        return this.#saveAt(reader.uleb(), reader.uleb());
      case DW_CFA_offset_extended_sf:
        return this.#saveAt(reader.uleb(), reader.sleb());
      case DW_CFA_GNU_negative_offset_extended:
        return this.#saveAt(reader.uleb(), -reader.uleb());
      case DW_CFA_val_offset:
        return this.#setValueOffset(reader.uleb(), reader.uleb());
      case DW_CFA_val_offset_sf:
        return this.#setValueOffset(reader.uleb(), reader.sleb());
      case DW_CFA_restore_extended:
        return this.#restore(reader.uleb());
      case DW_CFA_undefined:
        return this.#set(reader.uleb(), UNDEFINED);
      case DW_CFA_same_value:
        return this.#set(reader.uleb(), SAME);
      case DW_CFA_register:
        return this.#set(reader.uleb(), {
          kind: "register",
          value: reader.uleb(),
        });
      case DW_CFA_expression:
        return this.#set(reader.uleb(), {
          kind: "expression",
          expression: block(reader),
        });
      case DW_CFA_val_expression:
        return this.#set(reader.uleb(), {
          kind: "valueExpression",
          expression: block(reader),
        });
      case DW_CFA_remember_state:
        this.#remembered.push(copyOf(this.#state));
        return;
      case DW_CFA_restore_state:
        return this.#restoreState(reader.at);
      case DW_CFA_def_cfa:
        return this.#defineCfa(reader.uleb(), reader.uleb());
      case DW_CFA_def_cfa_sf:
        return this.#defineCfa(reader.uleb(), this.#factored(reader.sleb()));
      case DW_CFA_def_cfa_register:
        return this.#defineCfa(reader.uleb(), this.#cfaAt(reader.at).offset);
      case DW_CFA_def_cfa_offset:
        return this.#defineCfa(this.#cfaAt(reader.at).register, reader.uleb());
      case DW_CFA_def_cfa_offset_sf:
        return this.#defineCfa(
          this.#cfaAt(reader.at).register,
          this.#factored(reader.sleb()),
        );
      case DW_CFA_def_cfa_expression:
        this.#state.cfa = { expression: block(reader) };
        return;
    }
    throw new CallFrameError(
      `an instruction has an unknown opcode 0x${opcode.toString(16)}`,
      reader.at - 1,
    );
  }

  #factored(offset: number): number {
    return offset * this.#cie.dataAlignment;
  }

  #saveAt(register: number, offset: number): void {
    this.#set(register, { kind: "offset", value: this.#factored(offset) });
  }

  #setValueOffset(register: number, offset: number): void {
    this.#set(register, { kind: "valueOffset", value: this.#factored(offset) });
  }

  #set(register: number, rule: RegisterRule): void {
    if (register < MOST_REGISTERS) this.#state.registers.set(register, rule);
  }

  #restore(register: number): void {
    const rule = this.#initial?.registers.get(register);
    if (rule === undefined) this.#state.registers.delete(register);
    else this.#state.registers.set(register, rule);
  }

  #defineCfa(register: number, offset: number): void {
    this.#state.cfa = { register, offset };
  }

  /** Returns the rule of the CFA for an instruction that changes a part of it. */
  #cfaAt(at: number): { register: number; offset: number } {
    const { cfa } = this.#state;
    if (cfa !== undefined && "register" in cfa) return cfa;
    throw new CallFrameError(
      "an instruction changes a CFA that is not defined yet",
      at,
    );
  }

  #restoreState(at: number): void {
    const state = this.#remembered.pop();
    if (state === undefined) {
      throw new CallFrameError("no state has been remembered", at);
    }
    this.#state = state;
  }

  #advance(delta: number): void {
    this.#moveTo(this.#location + delta * this.#cie.codeAlignment);
  }

  #moveTo(location: Address): void {
    if (location === this.#location) return;
    this.#endRow();
    this.#location = location;
  }

  #endRow(): void {
    // The instructions of a CIE apply to no location.
    if (this.#initial === undefined) return;
    const { cfa, registers } = this.#state;
    this.#rows.push({ start: this.#location, cfa, registers: [...registers] });
  }
}

const copyOf = ({ cfa, registers }: State): State => ({
  cfa,
  registers: new Map(registers),
});

/** Skips a block; returns its range. */
function block(reader: DwarfReader): SectionPart {
  const size = reader.uleb();
  const start = reader.skip(size);
  return { start, end: start + size };
}

/** Returns the row for an address; `undefined` if it is before the first one. */
export function rowAt(
  { rows }: FrameRules,
  address: Address,
): FrameRow | undefined {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rows[middle].start <= address) low = middle + 1;
    else high = middle;
  }
  return rows[low - 1];
}
