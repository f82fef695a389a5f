import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { byThread, SampleTable } from "../../src/profile/sample_table.ts";

describe("SampleTable", () => {
  it("is sorted by time when samples were added out of order", () => {
    const table = new SampleTable();
    table.add({ pid: 7, tid: 7 }, 20, 1, 100);
    table.add({ pid: 7, tid: 8 }, 10, 2, 200);
    table.add({ pid: 7, tid: 7 }, 10, 3, 300);
    const { time, thread, node, weight, threads } = table.sorted((tid) =>
      `thread ${tid}`
    );
    assertEquals([...time], [10, 10, 20]);
    assertEquals([...thread], [1, 0, 0]);
    assertEquals([...node], [2, 3, 1]);
    assertEquals([...weight], [200, 300, 100]);
    assertEquals(threads, [
      { pid: 7, tid: 7, name: "thread 7", processName: "thread 7" },
      { pid: 7, tid: 8, name: "thread 8", processName: "thread 7" },
    ]);
  });

  it("keeps all samples when there are many", () => {
    const table = new SampleTable();
    for (let i = 0; i < 5000; i++) {
      table.add({ pid: i % 2, tid: 1 }, i, i, i);
    }
    const samples = table.sorted(String);
    assertEquals(samples.length, 5000);
    assertEquals(samples.node[4999], 4999);
    const [even, odd] = byThread(samples);
    assertEquals([even.length, odd.length], [2500, 2500]);
    assertEquals(odd.every((at) => samples.time[at] % 2 === 1), true);
  });
});
