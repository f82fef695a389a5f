/**
 * Addresses and foreign memory without Deno's raw-pointer APIs, which a
 * path-scoped `--allow-ffi` denies.
 *
 * @module
 */

import type { Libc } from "./libc.ts";

/**
 * The address at which the bytes of `buffer` lie.
 *
 * It stays the same for as long as the underlying `ArrayBuffer` is neither
 * detached nor resized. V8 keeps a small typed array that was made without an
 * `ArrayBuffer` on its moving heap until its `buffer` is asked for, so ask
 * before calling this.
 */
export function addressOfBuffer(libc: Libc, buffer: Uint8Array): bigint {
  return libc.addressOfBuffer(buffer as Uint8Array<ArrayBuffer>, 0, 0n);
}

/** The address that `pointer` holds. */
export function addressOfPointer(
  libc: Libc,
  pointer: Deno.PointerObject,
): bigint {
  return libc.addressOfPointer(pointer, pointer, 0n);
}

/** Fills `into` with the bytes that lie at `address`. */
export function readMemory(
  libc: Libc,
  into: Uint8Array<ArrayBuffer>,
  address: bigint,
): void {
  libc.copyFromAddress(into, address, BigInt(into.length));
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

/** Writes the bytes to `address`. */
export function writeMemory(
  libc: Libc,
  address: bigint,
  bytes: Uint8Array<ArrayBuffer>,
): void {
  libc.copyToAddress(address, bytes, BigInt(bytes.length));
}
