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

/** The size of the tail that stands for so much padding: there may be too little. */
export function tailSize(padding: number): number {
  return padding >= TAIL_SIZE ? TAIL_SIZE : 0;
}

/**
 * Makes the tail of the function with that number; the lower 32 bits of code indices
 * tell a process's functions apart well enough.
 */
export function makeTail(elfMach: number, low: number): Uint8Array {
  const tail = new Uint8Array(TAIL_SIZE);
  const view = new DataView(tail.buffer);
  switch (elfMach) {
    case EM_X86_64:
      tail.set([0x0f, 0x1f, 0x84, 0x00]); // nop dword ptr [rax + rax + disp32]
      view.setUint32(4, low, true);
      break;
    case EM_AARCH64:
      view.setUint32(0, 0xd280001f | (low & 0xffff) << 5, true); // mov xzr, #imm16
      view.setUint32(4, 0xd280001f | (low >>> 16) << 5, true);
      break;
    default:
      view.setUint32(4, low, true);
  }
  return tail;
}
