import { assertEquals, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import {
  type DumpedFunction,
  FunctionBuilder,
  JitDumpReader,
} from "../../src/reader/mod.ts";
import { RecordJoin } from "../../src/reader/record_join.ts";
import { DumpBuilder } from "../support/build_dump.ts";

const code = new Uint8Array(48);

function functionsOf(dump: DumpBuilder): DumpedFunction[] {
  const builder = new FunctionBuilder();
  return [...new JitDumpReader(dump.bytes)].flatMap((record) =>
    builder.add(record) ?? []
  );
}

/** Returns each function's name, its lines and the size of its unwind info. */
const summaryOf = (dump: DumpBuilder) =>
  functionsOf(dump).map(({ name, lines, unwindingSize }) =>
    [name, ...lines.map(({ line }) => line), ...unwindingSize ? ["u"] : []]
      .join(" ")
  );

describe("RecordJoin", () => {
  it("joins lines to the load of their address when all precede the loads, as in LLVM 21", () => {
    const dump = new DumpBuilder()
      .unwinding(new Uint8Array(24), 12, 0)
      .debugInfo(0x1070n, [[0x10b0n, 30], [0x10c0n, 31]])
      .debugInfo(0x1030n, [[0x1070n, 20]])
      .debugInfo(0x1000n, [[0x1040n, 10], [0x1060n, 11]]);
    dump.load({ name: "main", address: 0x1070n, code, index: 0n })
      .load({ name: "collatz", address: 0x1030n, code, index: 1n })
      .load({ name: "fib", address: 0x1000n, code, index: 2n });
    assertEquals(summaryOf(dump), ["main 30 31 u", "collatz 20", "fib 10 11"]);
  });

  it("leaves a load without lines when the preceding lines are of another function", () => {
    const dump = new DumpBuilder()
      .debugInfo(0x9000n, [[0x9000n, 1], [0x9010n, 2]])
      .load({ name: "f", address: 0x1000n, code })
      .load({ name: "g", address: 0x9000n, code });
    assertEquals(summaryOf(dump), ["f", "g 1 2"]);
  });

  it("joins lines to the next load when their address is 0 and they are in its code", () => {
    const dump = new DumpBuilder()
      .debugInfo(0n, [[0x1000n, 1], [0x1010n, 2]])
      .load({ name: "f", address: 0x1000n, code });
    assertEquals(summaryOf(dump), ["f 1 2"]);
  });

  it("joins the last lines before a load when two records have its address", () => {
    const dump = new DumpBuilder()
      .debugInfo(0x1000n, [[0x1000n, 1]])
      .debugInfo(0x1000n, [[0x1000n, 2]])
      .load({ name: "f", address: 0x1000n, code })
      .load({ name: "again", address: 0x1000n, code, index: 1n });
    assertEquals(summaryOf(dump), ["f 2", "again"]);
  });

  it("returns preceding and unclaimed lines when lines are of no load", () => {
    const dump = new DumpBuilder()
      .debugInfo(0x9000n, [[0x9000n, 1]])
      .load({ name: "f", address: 0x1000n, code })
      .unwinding(new Uint8Array(24), 12);
    const join = new RecordJoin();
    const [joined] = [...new JitDumpReader(dump.bytes)].flatMap((record) =>
      join.add(record) ?? []
    );
    assertEquals(joined.lines, undefined);
    assertEquals(joined.precedingLines?.codeAddr, 0x9000n);
    assertEquals([...join.unclaimedLines].map(({ offset }) => offset), [40]);
    assertEquals(join.unclaimedUnwinding?.unwindingSize, 24);
  });

  it("keeps entries when they are before the code's start, as Erlang 25 writes them", () => {
    const dump = new DumpBuilder()
      .debugInfo(0x1000n, [[0xfcen, 3], [0x1010n, 4], [0x1030n, 0, ""]])
      .load({ name: "w:fib/1", address: 0x1000n, code });
    assertEquals(summaryOf(dump), ["w:fib/1 3 4 0"]);
  });

  it("returns the previous entry's file when the file name is 0xff", () => {
    const dump = new DumpBuilder();
    dump.record(2, 1n, () => {
      dump.u64(0x1000n, 3n);
      for (const [i, file] of [[0x2f, 0x61], [0xff], [0xff]].entries()) {
        dump.u64(0x1000n + BigInt(i));
        dump.u32(10 + i, 0);
        dump.raw(Uint8Array.of(...file, 0));
      }
    });
    dump.load({ address: 0x1000n, code });
    const [{ lines }] = functionsOf(dump);
    assertEquals(lines.map(({ file, line }) => `${file}:${line}`), [
      "/a:10",
      "/a:11",
      "/a:12",
    ]);
  });

  it("discards the oldest waiting lines when they are more than 64 MiB", () => {
    const file = `/${"a".repeat(1023)}`;
    const line = new DumpBuilder().debugInfo(
      0x1000n,
      Array.from({ length: 64 }, (_, i) => [BigInt(i), i, file]),
    ).bytes;
    const address = new DataView(line.buffer, 40 + 16, 8);
    const join = new RecordJoin();
    for (let i = 0; i < 1100; i++) {
      address.setBigUint64(0, BigInt(i), true);
      for (const record of new JitDumpReader(line.slice())) join.add(record);
    }
    const waiting = [...join.unclaimedLines].map(({ codeAddr }) => codeAddr);
    assertLess(waiting.length * (line.length - 40), 64 * 2 ** 20);
    assertEquals(waiting.at(-1), 1099n);
    assertEquals(waiting[0], 1100n - BigInt(waiting.length));
  });
});
