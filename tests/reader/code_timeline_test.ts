import { assert, assertEquals, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { CodeTimeline, JitDumpReader } from "../../src/reader/mod.ts";
import { DumpBuilder } from "../support/build_dump.ts";
import { Random } from "../support/random.ts";
import { cpuTime } from "../support/this_thread.ts";

const timelineOf = (builder: DumpBuilder) =>
  new CodeTimeline(new JitDumpReader(builder.bytes));

const bytes = (size: number) => new Uint8Array(size);

describe("CodeTimeline", () => {
  it("finds a function when the time is not before its timestamp", () => {
    const timeline = timelineOf(
      new DumpBuilder().load({
        name: "f",
        address: 100n,
        code: bytes(10),
        time: 5n,
      }),
    );
    const found = timeline.find(103n, 5n)!;
    assertEquals([found.fn.name, found.offset, found.line], [
      "f",
      3,
      undefined,
    ]);
    for (
      const [address, time, name] of [
        [100n, 5n, "f"],
        [109n, 1000n, "f"],
        [100n, 4n, undefined],
        [99n, 5n, undefined],
        [110n, 5n, undefined],
      ] as const
    ) assertEquals(timeline.find(address, time)?.fn.name, name);
  });

  it("finds the latest function when code is replaced or overlapped", () => {
    const timeline = timelineOf(
      new DumpBuilder()
        .load({ name: "wide", address: 100n, code: bytes(100), time: 1n })
        .load({ name: "inner", address: 130n, code: bytes(10), time: 2n })
        .load({ name: "again", address: 100n, code: bytes(100), time: 3n })
        .load({ name: "left", address: 90n, code: bytes(20), time: 4n }),
    );
    const names = (time: bigint) =>
      [95n, 105n, 135n, 150n].map((a) => timeline.find(a, time)?.fn.name);
    assertEquals(names(1n), [undefined, "wide", "wide", "wide"]);
    assertEquals(names(2n), [undefined, "wide", "inner", "wide"]);
    assertEquals(names(3n), [undefined, "again", "again", "again"]);
    assertEquals(names(4n), ["left", "left", "again", "again"]);
    assertEquals(timeline.find(150n, 2n)?.offset, 50);
  });

  it("finds a function and its lines when it has moved", () => {
    const timeline = timelineOf(
      new DumpBuilder()
        .debugInfo(100n, [[100n, 1, "/a"], [104n, 2, "/a"], [110n, 2, "/a"]])
        .load({
          name: "f",
          address: 100n,
          code: bytes(10),
          time: 1n,
          index: 9n,
        })
        .load({
          name: "g",
          address: 300n,
          code: bytes(10),
          time: 2n,
          index: 8n,
        })
        .move(100n, 200n, 10, 9n, 5n)
        .move(200n, 300n, 10, 9n, 7n)
        // A move of an unknown function.
        .move(300n, 400n, 10, 77n, 8n),
    );
    const at = (address: bigint, time: bigint) => {
      const found = timeline.find(address, time);
      return found && `${found.fn.name}+${found.offset}:${found.line?.line}`;
    };
    assertEquals(at(105n, 4n), "f+5:2");
    assertEquals(at(103n, 4n), "f+3:1");
    assertEquals(at(105n, 5n), undefined);
    assertEquals(at(205n, 4n), undefined);
    assertEquals(at(205n, 5n), "f+5:2");
    assertEquals(at(305n, 6n), "g+5:undefined");
    assertEquals(at(305n, 9n), "f+5:2");
    assertEquals(at(205n, 7n), undefined);
    assertEquals(at(405n, 9n), undefined);
  });

  it("finds the last function of the file when two have the same time", () => {
    const timeline = timelineOf(
      new DumpBuilder()
        .load({ name: "first", address: 100n, code: bytes(4), time: 1n })
        .load({ name: "second", address: 100n, code: bytes(4), time: 1n }),
    );
    assertEquals(timeline.find(100n, 1n)?.fn.name, "second");
  });

  it("finds functions when they are out of order or at the ends of memory", () => {
    const end = 2n ** 64n;
    const timeline = timelineOf(
      new DumpBuilder()
        .load({ name: "late", address: end - 4n, code: bytes(4), time: 9n })
        .load({ name: "early", address: end - 4n, code: bytes(4), time: 3n })
        .load({ name: "none", address: 0n, code: bytes(0), time: 3n })
        .load({ name: "zero", address: 0n, code: bytes(1), time: 3n }),
    );
    assertEquals(timeline.find(end - 1n, 8n)?.fn.name, "early");
    assertEquals(timeline.find(end - 1n, end - 1n)?.fn.name, "late");
    assertEquals(timeline.find(0n, 3n)?.fn.name, "zero");
  });

  it("agrees with a replay of all records when these are random", () => {
    const random = new Random(1);
    for (let round = 0; round < 30; round++) {
      const builder = new DumpBuilder();
      /** The function at each address after each step, computed independently. */
      const replayed: (string | undefined)[][] = [Array(120).fill(undefined)];
      const ranges = new Map<number, { start: number; size: number }>();
      for (let step = 1; step <= 60; step++) {
        const now = [...replayed[step - 1]];
        const time = BigInt(step);
        const size = 1 + random.below(30);
        const start = random.below(90);
        const index = random.below(step);
        const range = ranges.get(index);
        if (random.below(4) === 0 && range) {
          builder.move(
            BigInt(range.start),
            BigInt(start),
            range.size,
            BigInt(index),
            time,
          );
          for (let i = 0; i < range.size; i++) {
            const at = range.start + i;
            if (now[at] === `f${index}`) now[at] = undefined;
          }
          now.fill(`f${index}`, start, start + range.size);
          ranges.set(index, { ...range, start });
        } else {
          builder.load({
            name: `f${step}`,
            address: BigInt(start),
            code: bytes(size),
            index: BigInt(step),
            time,
          });
          now.fill(`f${step}`, start, start + size);
          ranges.set(step, { start, size });
        }
        replayed.push(now);
      }
      const timeline = timelineOf(builder);
      replayed.forEach((names, time) => {
        assertEquals(
          names.map((_, at) =>
            timeline.find(BigInt(at), BigInt(time))?.fn.name
          ),
          names,
        );
      });
    }
  });

  it("takes linear time when moves claim to be from all addresses", () => {
    const functions = 5000;
    const builder = new DumpBuilder();
    for (let i = 0; i < functions; i++) {
      const address = BigInt(0x1000 + 16 * i);
      builder.load({ address, code: bytes(1), index: BigInt(i), time: 1n });
    }
    for (let i = 0; i < functions; i++) {
      // Each move has another destination, and the other functions stay.
      const to = BigInt(0x1000_0000) * BigInt(i + 1);
      builder.move(0x1000n, to, 16 * functions, BigInt(i), 2n);
    }
    const timeline = timelineOf(builder);
    const start = cpuTime();
    assertEquals(timeline.find(0x1000n, 5n), undefined);
    assertEquals(timeline.find(0x1000_0000n, 5n)?.fn.codeIndex, 0n);
    assertLess(cpuTime() - start, 1000);
  });

  for (
    const [layout, stepOf] of [["side by side", 16], [
      "at one address",
      0,
    ]] as const
  ) {
    it(`takes less than linear time when 100,000 functions are ${layout}`, () => {
      const count = 100_000;
      const addressOf = (i: number) => BigInt(4096 + stepOf * i);
      const timeline = new CodeTimeline();
      const one = new DumpBuilder().load({ code: bytes(16) }).bytes;
      const view = new DataView(one.buffer);
      for (let i = 0; i < count; i++) {
        view.setBigUint64(40 + 32, addressOf(i), true);
        view.setBigUint64(40 + 8, BigInt(i), true);
        for (const record of new JitDumpReader(one)) timeline.add(record);
      }
      timeline.find(0n, 0n);
      const start = cpuTime();
      for (let i = 0; i < count; i++) {
        const found = timeline.find(addressOf(i) + 4n, BigInt(i));
        assert(found?.fn.timestamp === BigInt(i));
      }
      // A linear search takes 100,000 steps, 10¹⁰ in total: at least 10 s.
      assertLess(cpuTime() - start, 5000);
    });
  }
});
