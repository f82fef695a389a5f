/**
 * The registers that unwinding uses.
 *
 * @module
 */

import { EM_AARCH64, EM_X86_64 } from "../format/machine.ts";
import { type Address, addressOfHalves } from "../symbols/address.ts";

/** Registers of a sample, as perf records them, such as `SampledRegisters` of `src/perf_data`. */
export interface RecordedRegisters {
  /** `PERF_SAMPLE_REGS_ABI_64` (2) for a 64-bit process. */
  readonly abi: number;
  /** The recorded registers, one bit each (asm/perf_regs.h). */
  readonly mask: bigint;
  /** Their values, from the lowest bit on, in halves of 32 bits. */
  readonly values: {
    readonly length: number;
    low(index: number): number;
    high(index: number): number;
  };
}

/** perf's ABI of 64-bit processes: PERF_SAMPLE_REGS_ABI_64. */
const ABI_64 = 2;

/** Mask of the upper half of a 48-bit user address. */
const ADDRESS_BITS_ABOVE_32 = 0xffff;

/** The registers of a machine, by DWARF's numbers. */
export interface MachineRegisters {
  /** Number of registers that are unwound. */
  readonly count: number;
  readonly stackPointer: number;
  readonly framePointer: number;
  /** Register that contains the return address at a function's entry, if one does. */
  readonly link: number | undefined;
  /** Column of the instruction pointer, which the return address restores. */
  readonly instructionPointer: number | undefined;
  /** perf's number of each register (asm/perf_regs.h, Linux 6.1). */
  readonly perfNumbers: readonly number[];
  /** perf's number of the instruction pointer. */
  readonly perfInstructionPointer: number;
  /** Removes the pointer authentication code from a code address. */
  codeAddress(high: number, low: number): Address;
}

const MACHINES: Record<number, MachineRegisters> = {
  [EM_X86_64]: {
    count: 17,
    stackPointer: 7,
    framePointer: 6,
    link: undefined,
    instructionPointer: 16,
    // rax, rdx, rcx, rbx, rsi, rdi, rbp, rsp, r8 to r15, rip
    perfNumbers: [0, 3, 2, 1, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23, 8],
    perfInstructionPointer: 8,
    codeAddress: addressOfHalves,
  },
  [EM_AARCH64]: {
    // x0 to x30, sp, and pc, which only the frames of signal handlers have.
    count: 33,
    stackPointer: 31,
    framePointer: 29,
    link: 30,
    instructionPointer: undefined,
    perfNumbers: Array.from({ length: 32 }, (_, number) => number),
    perfInstructionPointer: 32,
    // Programs have 48-bit addresses, unless they request larger ones (Linux 6.1).
    codeAddress: (high, low) =>
      addressOfHalves(high & ADDRESS_BITS_ABOVE_32, low),
  },
};

/** Returns the registers of a machine (ELF's `e_machine`); `undefined` if it is unknown. */
export function registersOf(eMachine: number): MachineRegisters | undefined {
  return MACHINES[eMachine];
}

/** Values of the registers in a frame, by DWARF's numbers; NaN if unknown. */
export type RegisterValues = Float64Array;

/** Reads the registers of samples. */
export class RegisterReader {
  readonly #machine: MachineRegisters;
  #mask: bigint | undefined;
  /** Index of each perf register in the values, or −1. */
  #indices: number[] = [];

  constructor(machine: MachineRegisters) {
    this.#machine = machine;
  }

  /**
   * Reads the registers of a sample.
   *
   * @param into Receives the values.
   * @returns The instruction pointer; `undefined` if the registers are not those of a 64-bit
   * process, or lack it or the stack pointer.
   */
  read(recorded: RecordedRegisters, into: RegisterValues): Address | undefined {
    const { abi, mask, values } = recorded;
    if (abi !== ABI_64) return undefined;
    if (mask !== this.#mask) {
      this.#mask = mask;
      this.#indices = indicesOf(mask);
    }
    const { perfNumbers, perfInstructionPointer, link, stackPointer } =
      this.#machine;
    const indexOf = (perfNumber: number) => {
      const index = this.#indices[perfNumber] ?? -1;
      return index < values.length ? index : -1;
    };
    into.fill(NaN);
    for (let register = 0; register < perfNumbers.length; register++) {
      const index = indexOf(perfNumbers[register]);
      if (index < 0) continue;
      const [high, low] = [values.high(index), values.low(index)];
      into[register] = register === link
        ? this.#machine.codeAddress(high, low)
        : addressOfHalves(high, low);
    }
    const index = indexOf(perfInstructionPointer);
    if (index < 0 || Number.isNaN(into[stackPointer])) return undefined;
    return addressOfHalves(values.high(index), values.low(index));
  }
}

function indicesOf(mask: bigint): number[] {
  const indices: number[] = [];
  let next = 0;
  for (let bit = 0; bit < 64; bit++) {
    indices.push((mask >> BigInt(bit)) & 1n ? next++ : -1);
  }
  return indices;
}
