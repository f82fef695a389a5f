/**
 * The addresses of a sample's call chain.
 *
 * @module
 */

import { Context, CpuMode } from "../perf_data/constants.ts";
import type { U64Array } from "../perf_data/bytes.ts";
import type { Sample } from "../perf_data/sample.ts";
import { type Address, addressOfHalves } from "../symbols/address.ts";
import type { UnwoundFrame } from "../unwind/unwound_chain.ts";

/** Upper 32 bits of a marker. */
const MARKER_HIGH = 0xffff_ffff;

/** The position of the instruction pointer in masks of registers, by architecture. */
const IP_REGISTERS: Record<string, bigint> = {
  x86_64: 8n, // PERF_REG_X86_IP
  aarch64: 32n, // PERF_REG_ARM64_PC
};

/** A call chain, the innermost frame first. The arrays are reused. */
export class CallChain {
  /** Addresses of instructions: those of callers are one byte before the return address. */
  readonly addresses: Address[] = [];
  /** True for each frame of the kernel. */
  readonly isKernel: boolean[] = [];
  /** Number of frames. */
  length = 0;
  /** The cookie of a record with the rest of the chain; undefined if it is complete. */
  deferred: bigint | undefined;

  /**
   * Decodes the chain of a sample. Its innermost frame is always the sampled address, even if
   * the chain is missing or begins at another address.
   *
   * @param arch The recorded machine, such as `"x86_64"`, to find the interrupted user code
   * if there is a copy of the stack and no chain.
   */
  decode(sample: Sample, arch: string | undefined): void {
    this.length = 0;
    this.deferred = undefined;
    const { cpuMode, callchain } = sample;
    const isKernel = isKernelMode(cpuMode);
    this.#push(addressOfHalves(sample.ipHigh, sample.ipLow), isKernel);
    if (callchain) this.append(callchain, isKernel, true);
    if (isKernel && !this.#hasUser()) {
      const ip = userIp(sample, arch);
      if (ip !== undefined) this.#push(ip, false);
    }
  }

  /**
   * Appends frames of a chain with markers.
   *
   * @param inKernel True if a chain that does not begin with a marker begins in the kernel.
   * @param isFirst True if its first frame may repeat the last appended one.
   */
  append(chain: U64Array, inKernel: boolean, isFirst: boolean): void {
    let inKernelNow = inKernel;
    let mayRepeat = isFirst;
    for (let i = 0; i < chain.length; i++) {
      const high = chain.high(i);
      const low = chain.low(i);
      if (high === MARKER_HIGH && (low | 0) >= Context.MAX && (low | 0) < 0) {
        const marker = low | 0;
        if (marker === Context.USER_DEFERRED) {
          if (i + 1 < chain.length) this.deferred = chain.get(i + 1);
          return;
        }
        if (marker === Context.USER || marker === Context.GUEST_USER) {
          inKernelNow = false;
        } else if (marker !== Context.GUEST) inKernelNow = true;
        continue;
      }
      // The first frame repeats the sampled address; for a precise event, it may differ.
      if (mayRepeat && inKernelNow === this.isKernel[0]) {
        mayRepeat = false;
        continue;
      }
      mayRepeat = false;
      const address = addressOfHalves(high, low);
      // The interrupted code has not called the kernel.
      const isCaller = this.isKernel[this.length - 1] === inKernelNow;
      this.#push(isCaller ? address - 1 : address, inKernelNow);
    }
  }

  /**
   * Returns the user part as the kernel records it: the interrupted address, then return
   * addresses.
   */
  userPart(): Address[] {
    const start = this.#userStart();
    return this.addresses.slice(start, this.length)
      .map((address, i) => i === 0 ? address : address + 1);
  }

  /** Replaces the user part by unwound frames. */
  replaceUserPart(frames: readonly UnwoundFrame[]): void {
    this.length = this.#userStart();
    for (const { address, isInterrupted } of frames) {
      this.#push(isInterrupted ? address : address - 1, false);
    }
  }

  #userStart(): number {
    let start = this.length;
    while (start > 0 && !this.isKernel[start - 1]) start--;
    return start;
  }

  #push(address: Address, isKernel: boolean): void {
    this.addresses[this.length] = address;
    this.isKernel[this.length++] = isKernel;
  }

  #hasUser(): boolean {
    return !this.isKernel[this.length - 1];
  }
}

function isKernelMode(mode: CpuMode): boolean {
  return mode === CpuMode.Kernel || mode === CpuMode.Hypervisor ||
    mode === CpuMode.GuestKernel;
}

/** Returns the user instruction pointer from the sampled registers. */
function userIp(sample: Sample, arch: string | undefined): Address | undefined {
  const position = IP_REGISTERS[arch ?? ""];
  const registers = position === undefined ? undefined : sample.userRegisters;
  if (registers === undefined || registers.abi === 0) return undefined;
  const { mask, values } = registers;
  if ((mask >> position & 1n) === 0n) return undefined;
  const below = mask & (1n << position) - 1n;
  const index = below.toString(2).replaceAll("0", "").length;
  return addressOfHalves(values.high(index), values.low(index));
}
