/**
 * How functions with the same code stay apart.
 *
 * Versions of perf from 2025 on make the build-id of a function's image from its code
 * alone (genelf.c), and take images of one build-id for one. So a function's image gets
 * a tail in which its code index stands. It consists of
 * instructions that do nothing, which a disassembler shows as such; they are in the
 * image only, and stand for padding that is behind the code in memory.
 *
 * @module
 */

import { EM_AARCH64, EM_X86_64 } from "./machine.ts";

/** The size of a tail in bytes. */
const TAIL_SIZE = 8;

/**
 * The size of the tail that stands for so much padding: 0 where there is too little, or
 * where there is no instruction to hold a number.
 */
export function tailSize(elfMach: number, padding: number): number {
  return padding >= TAIL_SIZE && elfMach in TAILS ? TAIL_SIZE : 0;
}

/**
 * Makes the tail of the function with that number; the lower 32 bits of code indices
 * tell a process's functions apart well enough.
 */
export function makeTail(elfMach: number, low: number): Uint8Array {
  const tail = new Uint8Array(TAIL_SIZE);
  TAILS[elfMach](new DataView(tail.buffer), low);
  return tail;
}

/** How a machine's tail holds a number of 32 bits. */
const TAILS: Record<number, (view: DataView, number: number) => void> = {
  [EM_X86_64](view, number) {
    view.setUint32(0, 0x0f1f8400); // nop dword ptr [rax + rax + disp32]
    view.setUint32(4, number, true);
  },
  [EM_AARCH64](view, number) {
    view.setUint32(0, 0xd280001f | (number & 0xffff) << 5, true); // mov xzr, #imm16
    view.setUint32(4, 0xd280001f | (number >>> 16) << 5, true);
  },
};
