import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { EM_X86_64 } from "../../mod.ts";
import { LibffiTable } from "../../src/unwind/libffi_rules.ts";
import { Unwinder } from "../../src/unwind/unwinder.ts";
import { registers, stackOf, X86_REGISTERS } from "../support/build_stack.ts";

/** Lowest address of the stack. */
const STACK = 0x7ffd_0000_1000;

/** The instructions after the calls, as objdump shows them in libffi 3.4.4 and Deno 2.9.6. */
const CALL = "488d6518488b4d00488b7d08488b6d1080f90f";
const CLOSURE = "4881c4d80000003c0f440fb6d0";

/** Code at return addresses. */
const CODE = new Map([[0x2000, CALL], [0x3000, CLOSURE]]);

function unwind(contents: Record<number, number>, rbp: number): string[] {
  const table = new LibffiTable((address, length) =>
    Uint8Array.fromHex(CODE.get(address) ?? "").subarray(0, length)
  );
  const { frames } = Unwinder.for(EM_X86_64)!.unwind(
    registers({
      [X86_REGISTERS.rbp]: rbp,
      [X86_REGISTERS.rsp]: STACK,
      [X86_REGISTERS.rip]: 0x1000,
    }),
    stackOf(STACK, 128, contents),
    {
      tableAt: () => ({ table, bias: 0 }),
      isExecutable: (address) => address >= 0x1000 && address < 0x5000,
    },
  );
  return frames.map(({ address, source }) =>
    `${address.toString(16)} ${source}`
  );
}

describe("LibffiTable", () => {
  it("finds the caller when rbp of ffi_call_unix64 points to its block", () => {
    const [frame, block] = [STACK + 0x20, STACK + 0x80];
    const chain = unwind({
      [frame]: block,
      [frame + 8]: 0x2000,
      [block + 16]: STACK + 0x100,
      [block + 24]: 0x4000,
      [STACK + 0x100]: 0,
      [STACK + 0x108]: 0x4100,
    }, frame);
    assertEquals(chain, ["1000 context", "2000 fp", "4000 cfi", "4100 fp"]);
  });

  it("finds the function that called a closure when it leaves rbp as it was", () => {
    const frame = STACK + 0x20;
    const chain = unwind({
      [frame]: STACK + 0x200, // rbp of a frame further up
      [frame + 8]: 0x3000,
      [frame + 16 + 216]: 0x4000,
      [STACK + 0x200]: 0,
      [STACK + 0x208]: 0x4100,
    }, frame);
    assertEquals(chain, ["1000 context", "3000 fp", "4000 cfi", "4100 fp"]);
  });
});
