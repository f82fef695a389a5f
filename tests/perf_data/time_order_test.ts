import { assertEquals, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { PerfRecord } from "../../src/perf_data/mod.ts";
import { TimeOrder } from "../../src/perf_data/time_order.ts";

/** A record for these tests: a time, and a name that distinguishes it. */
const record = (time: number, name = "") =>
  ({ time, name, size: 100 }) as unknown as PerfRecord;

const times = (records: PerfRecord[]) => records.map(({ time }) => time);

describe("TimeOrder", () => {
  it("releases records when no later one can precede them", () => {
    const order = new TimeOrder();
    const out: PerfRecord[] = [];
    for (const time of [5, 2, 7]) order.add(record(time), out);
    order.endRound(out);
    assertEquals(times(out), []);
    for (const time of [9, 6]) order.add(record(time), out);
    order.endRound(out);
    assertEquals(times(out), [2, 5, 6, 7]);
    order.releaseAll(out);
    assertEquals(times(out), [2, 5, 6, 7, 9]);
    assertEquals(order.misplaced, 0);
  });

  it("keeps the order when records have the same time", () => {
    const order = new TimeOrder();
    const out: PerfRecord[] = [];
    for (const name of ["a", "b", "c"]) order.add(record(2, name), out);
    order.add(record(1), out);
    order.releaseAll(out);
    const names = out.map((item) => (item as unknown as { name: string }).name);
    assertEquals(names, ["", "a", "b", "c"]);
  });

  it("releases a record immediately when it has no time", () => {
    const out: PerfRecord[] = [];
    const order = new TimeOrder();
    order.add(record(1), out);
    order.add(record(-Infinity), out);
    assertEquals(times(out), [-Infinity]);
  });

  it("releases the earlier half when a recording without rounds exceeds the capacity", () => {
    const order = new TimeOrder(200 * 1000);
    let held = 0, count = 0, last = -1;
    for (let i = 0; i < 100_000; i++) {
      const out: PerfRecord[] = [];
      // Neighbors are swapped: far less than half the capacity.
      order.add(record(i ^ 3), out);
      count += out.length;
      held = Math.max(held, i + 1 - count);
      for (const { time } of out) {
        assertLess(last, time);
        last = time;
      }
    }
    assertLess(held, 1001);
    assertEquals(order.misplaced, 0);
  });

  it("counts records when they arrive after later ones were released", () => {
    const order = new TimeOrder();
    const out: PerfRecord[] = [];
    order.add(record(10), out);
    order.releaseAll(out);
    order.add(record(5), out);
    order.add(record(11), out);
    order.releaseAll(out);
    assertEquals(times(out), [10, 5, 11]);
    assertEquals(order.misplaced, 1);
  });
});
