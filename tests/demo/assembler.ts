/**
 * What Calc's compiler asks of a machine.
 *
 * @module
 */

import type { FrameStep } from "../../mod.ts";
import type { BinaryOperator } from "./syntax.ts";

/** What one instruction does to a frame, without its place. */
type FrameChange =
  | { push: string[] }
  | { setFramePointer: true }
  | { adjust: number }
  | { rememberState: true }
  | { unwound: true }
  | { restoreState: true };

/** A place in the code that can be named before it is known. */
export interface Label {
  offset?: number;
}

/**
 * Makes the code of one machine. An expression's value is in the machine's
 * accumulator; what has to wait lies on the stack; variables are in numbered
 * slots of the function's frame. Functions follow the machine's C calling
 * convention. Unless it is asked for, they keep no frame pointers; in any case they
 * describe what each instruction does to the stack.
 */
export abstract class Assembler {
  readonly #bytes: number[] = [];
  readonly #references: { at: number; label: Label }[] = [];
  #functionStart = 0;
  #steps: FrameStep[] = [];
  /** How far the stack pointer is below the slots. */
  protected depth = 0;
  protected readonly keepsFramePointers: boolean;

  constructor(keepsFramePointers = false) {
    this.keepsFramePointers = keepsFramePointers;
  }

  /** Makes a function's frame, and puts its parameters in slots 0, 1, … */
  abstract enter(parameters: number, slots: number): void;
  /** Returns from a function with that many slots: the accumulator is its result. */
  abstract leave(slots: number): void;
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

  /** Starts a function at a multiple of 16 bytes, and returns where. */
  begin(label: Label): number {
    this.skip(-this.length & 15);
    this.#functionStart = this.length;
    this.#steps = [];
    this.bind(label);
    return this.length;
  }

  /** Where the function's next instruction will be, from its start. */
  get offset(): number {
    return this.length - this.#functionStart;
  }

  /** What the function's instructions do to its frame, up to here. */
  get steps(): FrameStep[] {
    return this.#steps;
  }

  /** Leaves room that is never run. */
  skip(size: number): void {
    for (let i = 0; i < size; i++) this.emit(0);
  }

  /** Says that the label is here. */
  bind(label: Label): void {
    label.offset = this.length;
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

  /** Says that the last instruction made the stack grow, for a value that waits. */
  protected pushed(size: number): void {
    this.depth += size;
    this.step({ adjust: size });
  }

  /** Says what the last instruction did to the frame. */
  protected step(step: FrameChange): void {
    this.#steps.push({ offset: this.offset, ...step });
  }

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
