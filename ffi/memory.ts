/**
 * Access to addresses and foreign memory without Deno's raw-pointer APIs, which a
 * path-scoped `--allow-ffi` denies (Deno 2.2 to 2.9).
 *
 * @module
 */

import type { Libc } from "./libc.ts";

/**
 * Returns the address of the bytes of `buffer`.
 *
 * The address is stable while the underlying `ArrayBuffer` is neither detached nor
 * resized. V8 (15) keeps a small typed array that was created without an `ArrayBuffer` on
 * its moving heap until its `buffer` property is read, so read that property first.
 */
export function addressOfBuffer(libc: Libc, buffer: Uint8Array): bigint {
  return libc.addressOfBuffer(buffer as Uint8Array<ArrayBuffer>);
}

/** Returns the address that `pointer` holds. */
export function addressOfPointer(
  libc: Libc,
  pointer: Deno.PointerObject,
): bigint {
  return libc.addressOfPointer(pointer, pointer, 0n);
}

/** Fills `into` with the bytes at `address`. */
export function readMemory(
  libc: Libc,
  into: Uint8Array<ArrayBuffer>,
  address: bigint,
): void {
  copyMemory(libc, addressOfBuffer(libc, into), address, BigInt(into.length));
}

/** Copies `size` bytes from one address to another. */
export function copyMemory(
  libc: Libc,
  to: bigint,
  from: bigint,
  size: bigint,
): void {
  libc.copyBetweenAddresses(to, from, size);
}
