/**
 * The copy of a thread's stack in a sample.
 *
 * @module
 */

import { type Address, addressOfHalves } from "../symbols/address.ts";

/** Size of a register on the stack in bytes. */
export const SLOT = 8;

/** A copy of the memory from the stack pointer on. */
export class StackCopy {
  readonly #view: DataView;
  /** Address of the first byte: the stack pointer. */
  readonly start: Address;
  /** Address after the last byte. */
  readonly end: Address;

  constructor(start: Address, bytes: Uint8Array) {
    // Sums with a rounded address would be wrong.
    const used = Number.isSafeInteger(start) ? bytes : new Uint8Array(0);
    this.#view = new DataView(used.buffer, used.byteOffset, used.length);
    this.start = start;
    this.end = start + used.length;
  }

  /** Returns whether the copy contains the 8 bytes at an address. */
  has(address: Address): boolean {
    const offset = address - this.start;
    return offset >= 0 && offset <= this.#view.byteLength - SLOT;
  }

  /** Returns bits 0 to 31 of the 8 bytes at an address, which the copy must contain. */
  low(address: Address): number {
    return this.#view.getUint32(address - this.start, true);
  }

  /** Returns bits 32 to 63 of the 8 bytes at an address, which the copy must contain. */
  high(address: Address): number {
    return this.#view.getUint32(address - this.start + 4, true);
  }

  /** Returns the 8 bytes at an address as a signed number; NaN if the copy lacks them. */
  read(address: Address): number {
    if (!this.has(address)) return NaN;
    return addressOfHalves(this.high(address), this.low(address));
  }
}
