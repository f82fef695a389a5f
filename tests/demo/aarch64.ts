/**
 * AArch64 code for Calc. The accumulator is X0.
 *
 * @module
 */

import { Assembler, type Label } from "./assembler.ts";
import type { BinaryOperator } from "./syntax.ts";

const SP = 31;

/** Size of a slot in bytes. */
const SLOT = 8;

/** Size of a value on the stack, which must stay aligned to 16 bytes. */
const VALUE = 16;

/** Returns the size of a frame with `slots` slots, without the saved registers. */
const frameSize = (slots: number) => SLOT * (slots + slots % 2);

/** `cmp x1, x0; cset x0, <condition>`, by the condition's inverse. */
const compare = (inverse: number) => [0xeb00003f, 0x9a9f07e0 | inverse << 12];

/** Instructions that compute X0 from the operands in X1 and X0. */
const BINARY: Record<BinaryOperator, number[]> = {
  "+": [0x8b000020], // add x0, x1, x0
  "-": [0xcb000020], // sub x0, x1, x0
  "*": [0x9b007c20], // mul x0, x1, x0
  "/": [0x9ac00c20], // sdiv x0, x1, x0
  "%": [0x9ac00c22, 0x9b008440], // sdiv x2, x1, x0; msub x0, x2, x0, x1
  "==": compare(0x1),
  "!=": compare(0x0),
  "<": compare(0xa),
  ">=": compare(0xb),
  "<=": compare(0xc),
  ">": compare(0xd),
};

export class AArch64Assembler extends Assembler {
  enter(parameters: number, slots: number): void {
    const size = frameSize(slots);
    this.emit32(0xa9bf7bfd); // stp x29, x30, [sp, #-16]!
    this.step({ push: ["x29", "x30"] });
    if (this.keepsFramePointers) {
      this.emit32(0x910003fd); // mov x29, sp
      this.step({ setFramePointer: true });
    }
    this.emit32(0xd10003ff | size << 10); // sub sp, sp, #size
    this.step({ adjust: size });
    for (let i = 0; i < parameters; i++) {
      this.emit32(0xf9000000 | this.#slot(i) | i); // str x<i>, [sp, #…]
    }
  }

  leave(slots: number): void {
    const size = frameSize(slots);
    this.emit32(0x910003ff | size << 10); // add sp, sp, #size
    this.step({ rememberState: true });
    this.step({ adjust: -size });
    this.emit32(0xa8c17bfd); // ldp x29, x30, [sp], #16
    this.step({ unwound: true });
    this.emit32(0xd65f03c0); // ret
    this.step({ restoreState: true });
  }

  /** Returns the bits of a slot's base register and offset in LDR and STR. */
  #slot(slot: number): number {
    return (this.depth + SLOT * slot) / 8 << 10 | SP << 5;
  }

  loadConstant(value: bigint): void {
    const half = (i: number) => Number(value >> BigInt(16 * i) & 0xffffn);
    this.emit32(0xd2800000 | half(0) << 5); // movz x0, #…
    for (let i = 1; i < 4; i++) {
      // movk x0, #…, lsl #16i
      if (half(i)) this.emit32(0xf2800000 | i << 21 | half(i) << 5);
    }
  }

  loadSlot(slot: number): void {
    this.emit32(0xf9400000 | this.#slot(slot)); // ldr x0, [sp, #…]
  }

  storeSlot(slot: number): void {
    this.emit32(0xf9000000 | this.#slot(slot)); // str x0, [sp, #…]
  }

  push(): void {
    this.emit32(0xf81f0fe0); // str x0, [sp, #-16]!
    this.pushed(VALUE);
  }

  #pop(register: number): void {
    this.emit32(0xf84107e0 | register); // ldr x<register>, [sp], #16
    this.pushed(-VALUE);
  }

  binary(operator: BinaryOperator): void {
    this.#pop(1);
    for (const word of BINARY[operator]) this.emit32(word);
  }

  call(label: Label, argumentCount: number): void {
    for (let i = argumentCount - 1; i >= 0; i--) this.#pop(i);
    this.refer(label);
    this.emit32(0x94000000); // bl
  }

  jump(label: Label): void {
    this.refer(label);
    this.emit32(0x14000000); // b
  }

  jumpIfZero(label: Label): void {
    this.refer(label);
    this.emit32(0xb4000000); // cbz x0
  }

  /** Resolves a branch; its distance is in instructions, from the branch itself. */
  protected resolve(view: DataView, at: number, distance: number): void {
    const word = view.getUint32(at, true);
    const isConditional = word === 0xb4000000;
    const field = isConditional
      ? (distance / 4 & 0x7ffff) << 5
      : distance / 4 & 0x3ffffff;
    view.setUint32(at, word | field, true);
  }
}
