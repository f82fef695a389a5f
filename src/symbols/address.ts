/**
 * Addresses as numbers.
 *
 * A 64-bit address is represented by the *signed* integer with the same bits. User addresses
 * keep their values, and a kernel address such as 0xffffffff81000000 becomes −0x7f000000.
 * Both are exact up to 2^53 away from zero, which covers 48-bit address spaces and the
 * kernel's text in all others. A number is read from two 32-bit halves and compared without
 * allocating a BigInt.
 *
 * An address farther away than 2^53 is rounded. Linux maps nothing there unless a program
 * requests it by a hint (5-level page tables), so only invalid addresses in call chains are
 * affected.
 *
 * @module
 */

/** An address, as a signed 64-bit integer. Negative in the kernel's half. */
export type Address = number;

/** Returns the address with the given 32-bit halves. */
export function addressOfHalves(high: number, low: number): Address {
  return (high | 0) * 2 ** 32 + (low >>> 0);
}

/** Returns the address in the lower 64 bits of a BigInt. */
export function addressOfBigInt(address: bigint): Address {
  return Number(BigInt.asIntN(64, address));
}

/** Returns an address as an unsigned BigInt. */
export function bigIntOfAddress(address: Address): bigint {
  return BigInt.asUintN(64, BigInt(address));
}

/** Parses up to 16 hexadecimal digits; `undefined` if `digits` is anything else. */
export function parseAddress(digits: string): Address | undefined {
  if (!/^[0-9a-fA-F]{1,16}$/.test(digits)) return undefined;
  const low = parseInt(digits.slice(-8), 16);
  const high = digits.length > 8 ? parseInt(digits.slice(0, -8), 16) : 0;
  return addressOfHalves(high, low);
}

/** Returns whether an address is in the kernel's half. */
export function isKernelAddress(address: Address): boolean {
  return address < 0;
}
