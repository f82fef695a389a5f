/**
 * What Calc's compiler asks of a machine.
 *
 * @module
 */

import type { BinaryOperator } from "./syntax.ts";

/** A place in the code that can be named before it is known. */
export interface Label {
  offset?: number;
}

/**
 * Makes the code of one machine. An expression's value is in the machine's
 * accumulator; what has to wait lies on the stack; variables are in numbered
 * slots of the function's frame. Functions follow the machine's C calling
 * convention and keep frame pointers.
 */
export abstract class Assembler {
  readonly #bytes: number[] = [];
  readonly #references: { at: number; label: Label }[] = [];

  /** Starts a function: its frame, and its parameters in slots 0, 1, … */
  abstract enter(parameters: number, slots: number): void;
  /** Ends a function: the accumulator is its result. */
  abstract leave(): void;
  abstract loadConstant(value: bigint): void;
  abstract loadSlot(slot: number): void;
  abstract storeSlot(slot: number): void;
  /** Puts the accumulator on the stack. */
  abstract push(): void;
  /** Takes the top of the stack and the accumulator as left and right operand. */
  abstract binary(operator: BinaryOperator): void;
  /** Takes a call's arguments from the stack, the last one on top. */
  abstract call(label: Label, argumentCount: number): void;
  abstract jump(label: Label): void;
  /** Jumps if the accumulator is 0. */
  abstract jumpIfZero(label: Label): void;

  /** How many bytes of code there are. */
  get length(): number {
    return this.#bytes.length;
  }

  /** Says that the label is here. */
  bind(label: Label): void {
    label.offset = this.length;
  }

  /** Fills up to a multiple of 16 bytes, with zeros, which are never run. */
  align(): void {
    while (this.length % 16 !== 0) this.emit(0);
  }

  /** The code, with all labels resolved. */
  finish(): Uint8Array<ArrayBuffer> {
    const code = Uint8Array.from(this.#bytes);
    const view = new DataView(code.buffer);
    for (const { at, label } of this.#references) {
      this.resolve(view, at, label.offset! - at);
    }
    return code;
  }

  /** Completes the reference at `at` to a label that is `distance` bytes on. */
  protected abstract resolve(
    view: DataView,
    at: number,
    distance: number,
  ): void;

  protected emit(...bytes: number[]): void {
    this.#bytes.push(...bytes);
  }

  protected emit32(word: number): void {
    this.emit(word, word >> 8, word >> 16, word >> 24);
  }

  /** Says that what is emitted next refers to the label. */
  protected refer(label: Label): void {
    this.#references.push({ at: this.length, label });
  }
}
