/**
 * Programs of the demo's compiler as executables for AArch64.
 *
 * @module
 */

import { AArch64Assembler } from "../demo/aarch64.ts";
import type { CompiledProgram } from "../demo/compile.ts";

/** Address of the executable. */
const BASE = 0x400000;

/** Offset of the code in the executable. */
export const CODE_OFFSET = 4096;

/** Address of the program's code. The code that calls it follows. */
export const PROGRAM_ADDRESS = BASE + CODE_OFFSET;

/** Returns the offset of the main function. */
export const entryOf = ({ functions }: CompiledProgram) =>
  functions.find(({ name }) => name === "main")!.start;

/** Code that calls a program's main function, prints the 8 bytes of its result, and exits. */
class Launcher extends AArch64Assembler {
  constructor(program: CompiledProgram, args: bigint[]) {
    super();
    for (const arg of args) {
      this.loadConstant(arg);
      this.push();
    }
    // The launcher directly follows the program.
    this.call({ offset: entryOf(program) - program.code.length }, args.length);
    this.push();
    this.emit32(0xd2800020); // mov x0, #1
    this.emit32(0x910003e1); // mov x1, sp
    this.emit32(0xd2800102); // mov x2, #8
    this.emit32(0xd2800808); // mov x8, #64 (write)
    this.emit32(0xd4000001); // svc #0
    this.emit32(0xd2800000); // mov x0, #0
    this.emit32(0xd2800ba8); // mov x8, #93 (exit)
    this.emit32(0xd4000001); // svc #0
  }
}

/** Creates an executable of the program and its launcher. */
export function makeElf(
  program: CompiledProgram,
  args: bigint[],
): Uint8Array<ArrayBuffer> {
  const launcher = new Launcher(program, args).finish();
  return elfOf(
    new Uint8Array([...program.code, ...launcher]),
    program.code.length,
  );
}

/** Creates a static ELF executable of code that starts at an offset; see elf(5). */
export function elfOf(
  code: Uint8Array,
  entry: number,
): Uint8Array<ArrayBuffer> {
  const size = CODE_OFFSET + code.length;
  const elf = new Uint8Array(size);
  const view = new DataView(elf.buffer);
  const u16 = (at: number, value: number) => view.setUint16(at, value, true);
  const u32 = (at: number, value: number) => view.setUint32(at, value, true);
  const u64 = (at: number, value: number | bigint) =>
    view.setBigUint64(at, BigInt(value), true);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // ELF, 64 bits, little-endian
  u16(16, 2); // e_type: ET_EXEC
  u16(18, 183); // e_machine: EM_AARCH64
  u32(20, 1); // e_version
  u64(24, PROGRAM_ADDRESS + entry); // e_entry
  u64(32, 64); // e_phoff
  u16(52, 64); // e_ehsize
  u16(54, 56); // e_phentsize
  u16(56, 1); // e_phnum
  u32(64, 1); // p_type: PT_LOAD
  u32(68, 5); // p_flags: PF_R | PF_X
  u64(80, BASE); // p_vaddr
  u64(96, size); // p_filesz
  u64(104, size); // p_memsz
  u64(112, 4096); // p_align
  elf.set(code, CODE_OFFSET);
  return elf;
}
