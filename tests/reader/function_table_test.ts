import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { DumpedFunction } from "../../src/reader/mod.ts";
import { FunctionTable } from "../../src/reader/function_table.ts";

/** Returns a function whose fields all depend on a number. */
function functionOf(i: number, codeAddr: bigint): DumpedFunction {
  return {
    name: `f${i}`,
    codeIndex: BigInt(i) << 40n,
    pid: i,
    tid: 0xffff_ffff - i,
    codeAddr,
    codeSize: 16 + i,
    timestamp: 2n ** 64n - BigInt(i + 1),
    offset: 2 ** 40 + i,
    lines: Array.from({ length: i % 4 }, (_, j) => ({
      codeAddr: codeAddr + BigInt(4 * j),
      line: i + j,
      discrim: j,
      file: `/src/${i % 3}`,
    })),
    unwindingSize: 8 * i,
    isComplete: i % 2 === 0,
  };
}

describe("FunctionTable", () => {
  it("returns the added functions when it has grown", () => {
    const table = new FunctionTable();
    const fns = Array.from(
      { length: 1000 },
      (_, i) => functionOf(i, 0x7f00_0000_0000n + BigInt(64 * i)),
    );
    assertEquals(fns.map((fn) => table.add(fn)), fns.map((_, i) => i));
    assertEquals(fns.map((_, i) => table.get(i)), fns);
    assertEquals([table.size, table.lineCount], [1000, 1500]);
  });

  it("returns the offsets of lines when addresses are at both ends of memory", () => {
    const table = new FunctionTable();
    const addresses = [0n, 0xffff_fff0n, 2n ** 63n, 2n ** 64n - 64n];
    for (const address of addresses) {
      const index = table.add(functionOf(3, address));
      const first = table.firstLine(index);
      assertEquals(
        [0, 1, 2].map((i) => table.lineOffset(index, first + i)),
        [0, 4, 8],
      );
    }
  });

  it("returns a negative offset when a line is before its function", () => {
    const table = new FunctionTable();
    const fn = functionOf(1, 2n ** 32n);
    const line = { ...fn.lines[0], codeAddr: 2n ** 32n - 48n };
    table.add({ ...fn, lines: [line] });
    assertEquals(table.lineOffset(0, 0), -48);
  });
});
