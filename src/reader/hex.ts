/**
 * Addresses for people.
 *
 * @module
 */

/** An address, as it is usual. */
export const hex = (address: bigint): string => `0x${address.toString(16)}`;
