/**
 * A builder of registers and stacks.
 *
 * @module
 */

import type { RecordedRegisters } from "../../src/unwind/machine_registers.ts";
import type { CodeSpace, PlacedTable } from "../../src/unwind/unwinder.ts";
import { UnwindTable } from "../../src/unwind/unwind_table.ts";
import { DwarfWriter } from "../../src/unwind/dwarf_writer.ts";

/** Register numbers of perf (asm/perf_regs.h). */
export const X86_REGISTERS = { rbx: 1, rbp: 6, rsp: 7, rip: 8 };
export const ARM64_REGISTERS = { x19: 19, x29: 29, lr: 30, sp: 31, pc: 32 };

/** Instructions after a call in libffi, as objdump shows them in libffi 3.4.4 and Deno 2.9.6. */
export const LIBFFI_CALL = Uint8Array.fromHex(
  "488d6518488b4d00488b7d08488b6d1080f90f",
);
export const LIBFFI_CLOSURE = Uint8Array.fromHex("4881c4d80000003c0f440fb6d0");

/** Code to which signal handlers return, as objdump shows it in glibc 2.36 and qemu 7.2. */
export const X86_SIGRETURN = Uint8Array.fromHex("48c7c00f0000000f05");
export const ARM64_SIGRETURN = Uint8Array.fromHex("681180d2010000d4");

/** Returns a sample's registers; the keys are perf's register numbers. */
export function registers(
  values: Record<number, number | bigint>,
  abi = 2,
): RecordedRegisters {
  // Integer keys are in ascending order.
  const numbers = Object.keys(values).map(Number);
  const bits = Object.values(values).map((value) =>
    BigInt.asUintN(64, BigInt(value))
  );
  return {
    abi,
    mask: numbers.reduce((mask, number) => mask | 1n << BigInt(number), 0n),
    values: {
      length: bits.length,
      low: (index) => Number(bits[index] & 0xffff_ffffn),
      high: (index) => Number(bits[index] >> 32n),
    },
  };
}

/** Returns a stack of `words` words of 8 bytes that starts at an address. */
export function stackOf(
  start: number,
  words: number,
  contents: Record<number, number | bigint>,
): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * words));
  for (const [address, value] of Object.entries(contents)) {
    const bits = BigInt.asUintN(64, BigInt(value));
    view.setBigUint64(Number(address) - start, bits, true);
  }
  return new Uint8Array(view.buffer);
}

/** Code at an address. */
export interface BuiltCode {
  readonly start: number;
  readonly size: number;
  readonly table?: UnwindTable;
}

/** Returns a code space of functions; the addresses in a table are relative to its function. */
export function codeSpaceOf(functions: readonly BuiltCode[]): CodeSpace {
  const find = (address: number) =>
    functions.find(({ start, size }) =>
      address >= start && address < start + size
    );
  return {
    tableAt(address): PlacedTable | undefined {
      const found = find(address);
      return found?.table && { table: found.table, bias: found.start };
    },
    isExecutable: (address) => find(address) !== undefined,
  };
}

/**
 * Returns the unwind table of an x86-64 function of 256 bytes with call frame instructions.
 *
 * @param isSignal Indicates whether the function is a signal trampoline.
 */
export function tableOf(
  isSignal: boolean,
  instructions: Iterable<number>,
): UnwindTable {
  const out = new DwarfWriter();
  out.u32(0);
  out.u32(0);
  out.u8(1);
  for (const c of isSignal ? "zRS\0" : "zR\0") out.u8(c.charCodeAt(0));
  out.uleb(1);
  out.sleb(-8);
  out.u8(16);
  out.uleb(1);
  out.u8(0x1b); // pc-relative, sdata4
  for (const byte of [0x0c, 7, 8, 0x90, 1]) out.u8(byte);
  out.align(8, 0);
  out.patchU32(0, out.length - 4);
  const start = out.length;
  out.u32(0);
  out.u32(out.length);
  out.u32(-(256 + out.length));
  out.u32(256);
  out.uleb(0);
  for (const byte of instructions) out.u8(byte);
  out.align(8, 0);
  out.patchU32(start, out.length - start - 4);
  out.u32(0);
  return UnwindTable.ofFunction(256, out.finish());
}
