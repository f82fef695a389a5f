/**
 * Addresses of code.
 *
 * @module
 */

import type { Libc } from "../../ffi/libc.ts";
import { addressOfBuffer, addressOfPointer } from "../../ffi/memory.ts";
import { checkAddress } from "../arguments.ts";
import type { Address } from "./jit_function.ts";

/**
 * Returns the address of `code`: `address` if it is defined, else that of the bytes.
 *
 * @param code The code, or its size in bytes if an address is required.
 */
export function addressOf(
  libc: Libc,
  what: string,
  argument: string,
  address: Address | undefined,
  code: Uint8Array | number,
): bigint {
  if (typeof code !== "number") {
    if (address === undefined) return addressOfBuffer(libc, code);
    code = code.length;
  }
  return checkAddress(
    what,
    argument,
    address,
    code,
    (pointer) => addressOfPointer(libc, pointer),
  );
}
