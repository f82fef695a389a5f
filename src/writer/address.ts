/**
 * Where code is.
 *
 * @module
 */

import type { Libc } from "../../ffi/libc.ts";
import { addressOfBuffer, addressOfPointer } from "../../ffi/memory.ts";
import { checkAddress, lengthOf } from "../arguments.ts";
import type { Address } from "./jit_function.ts";

/**
 * The address of `code`: the given one, checked, or else that of its bytes.
 *
 * @param code The code's bytes, or their number where an address must be given.
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
    code = lengthOf(code);
  }
  return checkAddress(
    what,
    argument,
    address,
    code,
    (pointer) => addressOfPointer(libc, pointer),
  );
}
