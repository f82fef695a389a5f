/**
 * Code that is recognized by its instructions.
 *
 * @module
 */

import type { InstructionRules } from "./unwind_table.ts";

/** The instructions at a return address, and the rules that apply there. */
export interface CodePattern {
  readonly code: readonly number[];
  readonly rules: InstructionRules;
}
