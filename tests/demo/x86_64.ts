/**
 * x86-64 code for Calc. The accumulator is RAX.
 *
 * @module
 */

import { Assembler, type Label } from "./assembler.ts";
import type { BinaryOperator } from "./syntax.ts";

/** `mov [rsp + disp32], register` for RDI, RSI, RDX, RCX, R8, R9, up to disp32. */
const STORE_PARAMETER = [
  [0x48, 0x89, 0xbc, 0x24],
  [0x48, 0x89, 0xb4, 0x24],
  [0x48, 0x89, 0x94, 0x24],
  [0x48, 0x89, 0x8c, 0x24],
  [0x4c, 0x89, 0x84, 0x24],
  [0x4c, 0x89, 0x8c, 0x24],
];

/** `pop register` for the same registers. */
const POP_ARGUMENT = [[0x5f], [0x5e], [0x5a], [0x59], [0x41, 0x58], [
  0x41,
  0x59,
]];

/** `cmp rax, rcx; set<cc> al; movzx eax, al` */
const compare = (cc: number) => [
  ...[0x48, 0x39, 0xc8],
  ...[0x0f, 0x90 | cc, 0xc0],
  ...[0x0f, 0xb6, 0xc0],
];

/** Instructions that compute RAX from the operands in RAX and RCX. */
const BINARY: Record<BinaryOperator, number[]> = {
  "+": [0x48, 0x01, 0xc8], // add rax, rcx
  "-": [0x48, 0x29, 0xc8], // sub rax, rcx
  "*": [0x48, 0x0f, 0xaf, 0xc1], // imul rax, rcx
  "/": [0x48, 0x99, 0x48, 0xf7, 0xf9], // cqo; idiv rcx
  "%": [0x48, 0x99, 0x48, 0xf7, 0xf9, 0x48, 0x89, 0xd0], // …; mov rax, rdx
  "==": compare(0x4),
  "!=": compare(0x5),
  "<": compare(0xc),
  ">=": compare(0xd),
  "<=": compare(0xe),
  ">": compare(0xf),
};

/** Size in bytes of a slot, and of a value on the stack. */
const SLOT = 8;

export class X86_64Assembler extends Assembler {
  enter(parameters: number, slots: number): void {
    if (this.keepsFramePointers) {
      this.emit(0x55); // push rbp
      this.step({ push: ["rbp"] });
      this.emit(0x48, 0x89, 0xe5); // mov rbp, rsp
      this.step({ setFramePointer: true });
    }
    this.emit(0x48, 0x81, 0xec); // sub rsp, imm32
    this.emit32(SLOT * slots);
    this.step({ adjust: SLOT * slots });
    for (let i = 0; i < parameters; i++) {
      this.emit(...STORE_PARAMETER[i]);
      this.emit32(SLOT * i);
    }
  }

  leave(slots: number): void {
    this.emit(0x48, 0x81, 0xc4); // add rsp, imm32
    this.emit32(SLOT * slots);
    if (this.keepsFramePointers) this.emit(0x5d); // pop rbp
    this.step({ rememberState: true });
    this.step({ unwound: true });
    this.emit(0xc3); // ret
    this.step({ restoreState: true });
  }

  loadConstant(value: bigint): void {
    if (BigInt.asIntN(32, value) === value) {
      this.emit(0x48, 0xc7, 0xc0); // mov rax, simm32
      this.emit32(Number(value));
    } else {
      this.emit(0x48, 0xb8); // mov rax, imm64
      this.emit32(Number(BigInt.asIntN(32, value)));
      this.emit32(Number(BigInt.asIntN(32, value >> 32n)));
    }
  }

  loadSlot(slot: number): void {
    this.emit(0x48, 0x8b, 0x84, 0x24); // mov rax, [rsp + disp32]
    this.emit32(this.depth + SLOT * slot);
  }

  storeSlot(slot: number): void {
    this.emit(0x48, 0x89, 0x84, 0x24); // mov [rsp + disp32], rax
    this.emit32(this.depth + SLOT * slot);
  }

  push(): void {
    this.emit(0x50); // push rax
    this.pushed(SLOT);
  }

  binary(operator: BinaryOperator): void {
    this.emit(0x48, 0x89, 0xc1); // mov rcx, rax
    this.emit(0x58); // pop rax
    this.pushed(-SLOT);
    this.emit(...BINARY[operator]);
  }

  call(label: Label, argumentCount: number): void {
    for (let i = argumentCount - 1; i >= 0; i--) {
      this.emit(...POP_ARGUMENT[i]);
      this.pushed(-SLOT);
    }
    this.emit(0xe8); // call rel32
    this.#distance(label);
  }

  jump(label: Label): void {
    this.emit(0xe9); // jmp rel32
    this.#distance(label);
  }

  jumpIfZero(label: Label): void {
    this.emit(0x48, 0x85, 0xc0); // test rax, rax
    this.emit(0x0f, 0x84); // jz rel32
    this.#distance(label);
  }

  #distance(label: Label): void {
    this.refer(label);
    this.emit32(0);
  }

  /** Resolves a branch; its distance is relative to the end of its four bytes. */
  protected resolve(view: DataView, at: number, distance: number): void {
    view.setInt32(at, distance - 4, true);
  }
}
