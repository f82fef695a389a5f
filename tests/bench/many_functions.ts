/**
 * Functions of a large program.
 *
 * @module
 */

import type { JitFunction } from "../../mod.ts";

export const FUNCTIONS = 175_000;
export const FIRST_ADDRESS = 0x1000_0000;
export const SPACING = 512;

/** Yields functions with different code, names and lines. */
export function* manyFunctions(): Generator<JitFunction> {
  const code = new Uint8Array(new ArrayBuffer(SPACING / 2));
  const number = new DataView(code.buffer);
  for (let i = 0; i < FUNCTIONS; i++) {
    number.setUint32(0, i);
    yield {
      name: `function_${i}`,
      code,
      address: FIRST_ADDRESS + SPACING * i,
      timestamp: BigInt(i + 1),
      lines: [{ offset: 0, line: i + 1, file: "/src/some.calc" }],
    };
  }
}
