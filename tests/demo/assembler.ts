/**
 * The base class of Calc's assemblers.
 *
 * @module
 */

import type { FrameStep } from "../../mod.ts";
import type { BinaryOperator } from "./syntax.ts";

/** A {@linkcode FrameStep} without its offset. */
type FrameChange =
  | { push: string[] }
  | { setFramePointer: true }
  | { adjust: number }
  | { rememberState: true }
  | { unwound: true }
  | { restoreState: true };

/** A position in the code, which may be unknown when it is referenced. */
export interface Label {
  offset?: number;
}

/**
 * An assembler for one machine. The value of an expression is in the machine's
 * accumulator, intermediate values are on the stack, and variables are in numbered slots
 * of the function's frame. Functions follow the machine's C calling convention. They keep
 * frame pointers only on request, and always record the effects of their instructions on
 * the frame.
 */
export abstract class Assembler {
  readonly #bytes: number[] = [];
  readonly #references: { at: number; label: Label }[] = [];
  #functionStart = 0;
  #steps: FrameStep[] = [];
  /** Distance of the stack pointer below the slots. */
  protected depth = 0;
  protected readonly keepsFramePointers: boolean;

  constructor(keepsFramePointers = false) {
    this.keepsFramePointers = keepsFramePointers;
  }

  /** Creates a function's frame, and stores its parameters in slots 0, 1, … */
  abstract enter(parameters: number, slots: number): void;
  /** Returns from a function with `slots` slots; its result is the accumulator. */
  abstract leave(slots: number): void;
  abstract loadConstant(value: bigint): void;
  abstract loadSlot(slot: number): void;
  abstract storeSlot(slot: number): void;
  /** Pushes the accumulator on the stack. */
  abstract push(): void;
  /** Pops the left operand, and applies the operator; the right one is in the accumulator. */
  abstract binary(operator: BinaryOperator): void;
  /** Calls a function, and pops its arguments. The last one is on top. */
  abstract call(label: Label, argumentCount: number): void;
  abstract jump(label: Label): void;
  /** Jumps if the accumulator is 0. */
  abstract jumpIfZero(label: Label): void;

  /** Size of the code in bytes. */
  get length(): number {
    return this.#bytes.length;
  }

  /** Starts a function at a multiple of 16 bytes; returns its offset. */
  begin(label: Label): number {
    this.skip(-this.length & 15);
    this.#functionStart = this.length;
    this.#steps = [];
    this.bind(label);
    return this.length;
  }

  /** Offset of the next instruction from the function's start. */
  get offset(): number {
    return this.length - this.#functionStart;
  }

  /** The effects of the function's instructions on its frame. */
  get steps(): FrameStep[] {
    return this.#steps;
  }

  /** Adds bytes that are never executed. */
  skip(size: number): void {
    for (let i = 0; i < size; i++) this.emit(0);
  }

  /** Sets the label to the current offset. */
  bind(label: Label): void {
    label.offset = this.length;
  }

  /** Resolves all labels, and returns the code. */
  finish(): Uint8Array<ArrayBuffer> {
    const code = Uint8Array.from(this.#bytes);
    const view = new DataView(code.buffer);
    for (const { at, label } of this.#references) {
      this.resolve(view, at, label.offset! - at);
    }
    return code;
  }

  /** Resolves the reference at `at` to a label that is `distance` bytes later. */
  protected abstract resolve(
    view: DataView,
    at: number,
    distance: number,
  ): void;

  /** Records that the last instruction pushed an intermediate value. */
  protected pushed(size: number): void {
    this.depth += size;
    this.step({ adjust: size });
  }

  /** Records the effect of the last instruction on the frame. */
  protected step(step: FrameChange): void {
    this.#steps.push({ offset: this.offset, ...step });
  }

  protected emit(...bytes: number[]): void {
    this.#bytes.push(...bytes);
  }

  protected emit32(word: number): void {
    this.emit(word, word >> 8, word >> 16, word >> 24);
  }

  /** Adds a reference to the label from the next instruction. */
  protected refer(label: Label): void {
    this.#references.push({ at: this.length, label });
  }
}
