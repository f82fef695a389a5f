import { assert, assertEquals, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { AddressSpaces, KERNEL_PID } from "../../src/profile/address_space.ts";
import { addressOfBigInt } from "../../src/symbols/address.ts";
import { Random } from "../support/random.ts";
import { cpuTime } from "../support/this_thread.ts";

function spacesWith() {
  const spaces = new AddressSpaces();
  const map = (pid: number, start: number, length: number, path: string) =>
    spaces.map({ pid, start, length, path, pageOffset: 0, time: 1n });
  const pathAt = (pid: number, address: number) =>
    spaces.lookup(pid, address)?.file.path;
  return { spaces, map, pathAt };
}

describe("address spaces", () => {
  it("replace earlier mappings when a later one overlaps them", () => {
    const { map, pathAt, spaces } = spacesWith();
    const whole = map(1, 0x1000, 0x3000, "a");
    map(1, 0x2000, 0x1000, "b");
    assertEquals(pathAt(1, 0xfff), undefined);
    assertEquals(pathAt(1, 0x1fff), "a");
    assertEquals(pathAt(1, 0x2000), "b");
    assertEquals(pathAt(1, 0x3000), "a");
    assertEquals(pathAt(1, 0x4000), undefined);
    assert(spaces.lookup(1, 0x1000) === whole);
    assert(spaces.lookup(1, 0x3fff) === whole);
  });

  it("equal a plain array when mappings are random", () => {
    const { map, pathAt } = spacesWith();
    const model: (string | undefined)[] = new Array(300);
    const random = new Random(7);
    for (let i = 0; i < 2000; i++) {
      const [start, length] = [random.below(250), random.below(40)];
      map(1, start, length, `${i}`);
      model.fill(`${i}`, start, start + length);
      const address = random.below(300);
      assertEquals(pathAt(1, address), model[address]);
    }
    model.forEach((path, address) => assertEquals(pathAt(1, address), path));
  });

  it("are copied when a process forks, and cleared when it calls exec", () => {
    const { map, pathAt, spaces } = spacesWith();
    map(1, 0x1000, 0x1000, "a");
    spaces.fork(2, 1);
    assert(spaces.lookup(1, 0x1000) === spaces.lookup(2, 0x1000));
    map(2, 0x1000, 0x1000, "b");
    assertEquals([pathAt(1, 0x1000), pathAt(2, 0x1000)], ["a", "b"]);
    spaces.fork(1, 1);
    assertEquals(pathAt(1, 0x1000), "a", "a thread shares the memory");
    spaces.exec(2);
    assertEquals(pathAt(2, 0x1000), undefined);
    spaces.fork(1, 9);
    assertEquals(pathAt(1, 0x1000), undefined, "a process id is reused");
  });

  it("have the kernel's mappings when any process is looked up", () => {
    const { pathAt, map } = spacesWith();
    const text = addressOfBigInt(0xffffffff81000000n);
    map(KERNEL_PID, text, 0x1000, "[kernel.kallsyms]_text");
    assertEquals(pathAt(5, text + 1), "[kernel.kallsyms]_text");
    assertEquals(pathAt(5, text - 1), undefined);
  });

  it("take constant time when a large process forks", () => {
    const { map, spaces, pathAt } = spacesWith();
    for (let i = 0; i < 20_000; i++) map(1, i * 0x1000, 0x1000, "a");
    // 20 000 forks that change one page: copies would have 400 million entries, and take
    // at least 10 s.
    const start = cpuTime();
    for (let pid = 2; pid < 20_000; pid++) {
      spaces.fork(pid, 1);
      map(pid, 0x5000, 0x1000, "b");
    }
    assertLess(cpuTime() - start, 2000);
    assertEquals([pathAt(1, 0x5000), pathAt(19_999, 0x5000)], ["a", "b"]);
  });

  it("ignore a mapping when it has no length", () => {
    const { map } = spacesWith();
    assertEquals(map(1, 0x1000, 0, "a"), undefined);
    assertEquals(map(1, 0x1000, NaN, "a"), undefined);
  });
});
