/**
 * Rules of code that has no unwind info, and is recognized by its instructions.
 *
 * @module
 */

import type { Address } from "../symbols/address.ts";
import type { DwarfReader } from "./dwarf_reader.ts";
import type { SectionPart } from "./eh_frame_section.ts";
import { LIBFFI } from "./libffi_rules.ts";
import { SIGRETURN, sigreturnExpression } from "./sigreturn_rules.ts";
import type { InstructionRules, RuleTable } from "./unwind_table.ts";

const PATTERNS = [...LIBFFI, ...SIGRETURN];

/** Size of the longest pattern. */
const LONGEST = Math.max(...PATTERNS.map(({ code }) => code.length));

/** The rules of libffi and of returns from signal handlers. */
export class RecognizedCode implements RuleTable {
  readonly #read: (address: Address, length: number) => Uint8Array;
  readonly #known = new Map<Address, InstructionRules | undefined>();

  /** @param read Returns the code at an address: fewer bytes if it ends before. */
  constructor(read: (address: Address, length: number) => Uint8Array) {
    this.#read = read;
  }

  /** Finds the rules at the byte before a return address. */
  find(address: Address): InstructionRules | undefined {
    let rules = this.#known.get(address);
    if (rules === undefined && !this.#known.has(address)) {
      const bytes = this.#read(address + 1, LONGEST);
      rules = PATTERNS.find(({ code }) =>
        code.every((byte, i) => byte === bytes[i])
      )?.rules;
      this.#known.set(address, rules);
    }
    return rules;
  }

  expression(part: SectionPart): DwarfReader {
    return sigreturnExpression(part);
  }
}
