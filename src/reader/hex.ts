/**
 * Formatting of addresses.
 *
 * @module
 */

/** Returns an address in hexadecimal. */
export const hex = (address: bigint): string => `0x${address.toString(16)}`;
