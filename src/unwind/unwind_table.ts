/**
 * The unwind info of one file, or of one function of a dump.
 *
 * @module
 */

import { ehFrameOffset } from "../format/image_layout.ts";
import type { Address } from "../symbols/address.ts";
import { CallFrameError } from "./call_frame_error.ts";
import type { DwarfReader } from "./dwarf_reader.ts";
import { type FdeIndex, HdrIndex, ScannedIndex } from "./eh_frame_lookup.ts";
import { EhFrameSection, type SectionPart } from "./eh_frame_section.ts";
import {
  decodeRules,
  type FrameRow,
  type FrameRules,
  rowAt,
} from "./frame_rules.ts";

/**
 * Maximum number of cached rules, summed over all rows. Above it, all are discarded. A hostile
 * file can have a rule of each register for each of its bytes.
 */
const MOST_RULES = 4 * 2 ** 20;

/** A section in memory. */
export interface PlacedSection {
  readonly bytes: Uint8Array;
  /** The section's address, according to the file. */
  readonly address: Address;
}

/** The sections of unwind info. */
export interface UnwindSections {
  readonly ehFrame: PlacedSection;
  /** `.eh_frame_hdr`, if there is one. */
  readonly ehFrameHdr?: PlacedSection;
}

/** The rules for one instruction. */
export interface InstructionRules {
  readonly row: FrameRow;
  /** DWARF's number of the return address column. */
  readonly returnAddress: number;
  /** True if the kernel created the frame to run a signal handler. */
  readonly isSignalFrame: boolean;
}

/** Rules by address. */
export interface RuleTable {
  /** Finds the rules for the instruction at an address of the table. */
  find(address: Address): InstructionRules | undefined;
  /** Returns a reader of an expression in the rules. */
  expression(part: SectionPart): DwarfReader;
}

/**
 * The rules for each address of a file, or of a function of a dump.
 *
 * An FDE is decoded at the first lookup of one of its addresses. A malformed FDE has no rules.
 */
export class UnwindTable implements RuleTable {
  readonly #section: EhFrameSection;
  readonly #sections: UnwindSections;
  /** The rules of the FDE at each position; `undefined` for a malformed one. */
  readonly #rules = new Map<number, FrameRules | undefined>();
  readonly #instructions = new Map<Address, InstructionRules | undefined>();
  #index: FdeIndex | undefined;
  #ruleCount = 0;

  /** Creates a table. Nothing is read yet. */
  constructor(sections: UnwindSections) {
    const { ehFrame, ehFrameHdr } = sections;
    this.#sections = sections;
    this.#section = new EhFrameSection(
      ehFrame.bytes,
      ehFrame.address,
      ehFrameHdr?.address,
    );
  }

  /**
   * Creates the table of a function of a dump. Its addresses count from the start of the code.
   *
   * @param ehFrame `.eh_frame`, laid out as `src/format/image_layout.ts` describes.
   */
  static ofFunction(codeSize: number, ehFrame: Uint8Array): UnwindTable {
    const address = ehFrameOffset(codeSize);
    return new UnwindTable({ ehFrame: { bytes: ehFrame, address } });
  }

  /** Finds the rules for the instruction at an address of the file. */
  find(address: Address): InstructionRules | undefined {
    let found = this.#instructions.get(address);
    if (found === undefined && !this.#instructions.has(address)) {
      found = this.#find(address);
      this.#instructions.set(address, found);
    }
    return found;
  }

  /** Returns a reader of an expression in the rules. */
  expression(part: SectionPart): DwarfReader {
    return this.#section.read(part);
  }

  #find(address: Address): InstructionRules | undefined {
    this.#index ??= this.#createIndex();
    const at = this.#index.find(address);
    if (at === undefined) return undefined;
    const rules = this.#rulesAt(at);
    if (
      rules === undefined || address < rules.start ||
      address >= rules.start + rules.size
    ) return undefined;
    const row = rowAt(rules, address);
    if (row?.cfa === undefined) return undefined;
    const { returnAddress, isSignalFrame } = rules.cie;
    return { row, returnAddress, isSignalFrame };
  }

  #rulesAt(at: number): FrameRules | undefined {
    let rules = this.#rules.get(at);
    if (rules === undefined && !this.#rules.has(at)) {
      rules = this.#decode(at);
      this.#rules.set(at, rules);
      for (const { registers } of rules?.rows ?? []) {
        this.#ruleCount += 1 + registers.length;
      }
      if (this.#ruleCount > MOST_RULES) {
        this.#ruleCount = 0;
        this.#rules.clear();
        this.#instructions.clear();
      }
    }
    return rules;
  }

  #createIndex(): FdeIndex {
    const { ehFrame, ehFrameHdr } = this.#sections;
    if (ehFrameHdr !== undefined) {
      try {
        const { bytes, address } = ehFrameHdr;
        return new HdrIndex(bytes, address, ehFrame.address);
      } catch (error) {
        if (!(error instanceof CallFrameError)) throw error;
      }
    }
    return new ScannedIndex(this.#section);
  }

  #decode(at: number): FrameRules | undefined {
    try {
      return decodeRules(this.#section, this.#section.descriptionAt(at));
    } catch (error) {
      if (error instanceof CallFrameError) return undefined;
      throw error;
    }
  }
}
