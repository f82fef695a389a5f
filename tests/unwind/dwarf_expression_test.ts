import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { evaluate } from "../../src/unwind/dwarf_expression.ts";
import { DwarfReader } from "../../src/unwind/dwarf_reader.ts";
import { StackCopy } from "../../src/unwind/stack_copy.ts";

const DROP = 0x13;
const SWAP = 0x16;
const ROT = 0x17;

/** Returns the operations that push the numbers, each below 32. */
const push = (...numbers: number[]) => numbers.map((number) => 0x30 + number);

/** Returns the stack after the operations, with its top last. */
function stackAfter(operations: number[], depth: number): number[] {
  const context = {
    registers: new Float64Array(0),
    stack: new StackCopy(0, new Uint8Array(0)),
    bias: 0,
  };
  return Array.from({ length: depth }, (_, below) => {
    const dropped = [...operations, ...Array(below).fill(DROP)];
    const reader = new DwarfReader(Uint8Array.from(dropped), 0, 0);
    return evaluate(reader, context);
  }).reverse();
}

describe("evaluate()", () => {
  it("exchanges the two topmost values when it swaps", () => {
    assertEquals(stackAfter([...push(1, 2), SWAP], 2), [2, 1]);
    assertEquals(stackAfter([...push(1, 2, 3), SWAP], 3), [1, 3, 2]);
  });

  it("moves the top below two values when it rotates", () => {
    assertEquals(stackAfter([...push(1, 2, 3), ROT], 3), [3, 1, 2]);
    assertEquals(stackAfter([...push(1, 2, 3, 4), ROT], 4), [1, 4, 2, 3]);
  });
});
