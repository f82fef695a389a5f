import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { CodeMap } from "../../src/reader/code_map.ts";
import { Random } from "../support/random.ts";

const range = (start: number, end: number) => ({
  start: BigInt(start),
  end: BigInt(end),
});

const textOf = (
  pieces: Iterable<{ owner: string; start: bigint; end: bigint }>,
) => [...pieces].map(({ owner, start, end }) => `${owner} ${start}-${end}`);

describe("CodeMap", () => {
  it("keeps the rest of old code when new code overlaps it", () => {
    const map = new CodeMap<string>();
    map.put("f", range(100, 200), 1n);
    map.put("g", range(220, 260), 2n);
    assertEquals(textOf(map.put("h", range(150, 240), 3n)), [
      "f 150-200",
      "g 220-240",
    ]);
    assertEquals(textOf(map), ["f 100-150", "h 150-240", "g 240-260"]);
    assertEquals([...map].map(({ base, since }) => [base, since]), [
      [100n, 1n],
      [150n, 3n],
      [220n, 2n],
    ]);
  });

  it("keeps both sides of old code when new code is inside it", () => {
    const map = new CodeMap<string>();
    map.put("f", range(100, 200), 1n);
    assertEquals(textOf(map.put("g", range(140, 150), 2n)), ["f 140-150"]);
    assertEquals(textOf(map), ["f 100-140", "g 140-150", "f 150-200"]);
    assertEquals(map.lastBefore(140n)?.owner, "f");
    assertEquals(map.firstFrom(141n)?.start, 150n);
    assertEquals(textOf(map.put("h", range(0, 300), 3n)).length, 3);
    assertEquals([map.has("f"), map.has("g"), map.has("h")], [
      false,
      false,
      true,
    ]);
  });

  it("removes only the owner's code when code is removed", () => {
    const map = new CodeMap<string>();
    map.put("f", range(100, 200), 1n);
    map.put("g", range(140, 150), 2n);
    assertEquals(textOf(map.remove("f", range(120, 180))), [
      "f 120-140",
      "f 150-180",
    ]);
    assertEquals(textOf(map), ["f 100-120", "g 140-150", "f 180-200"]);
  });

  it("agrees with a table of all addresses when code is added and removed at random", () => {
    const map = new CodeMap<string>();
    const table = new Array<string | undefined>(6000).fill(undefined);
    const random = new Random(7);
    for (let i = 0; i < 4000; i++) {
      const start = random.below(5900);
      const end = start + random.below(random.below(8) ? 5 : 100);
      const present = table[start];
      if (present && random.below(4) === 0) {
        map.remove(present, range(start, end));
        for (let at = start; at < end; at++) {
          if (table[at] === present) table[at] = undefined;
        }
      } else {
        const owner = `f${random.below(500)}`;
        map.put(owner, range(start, end), BigInt(i));
        table.fill(owner, start, end);
      }
    }
    const replayed = new Array<string | undefined>(6000).fill(undefined);
    for (const { owner, start, end } of map) {
      replayed.fill(owner, Number(start), Number(end));
    }
    assertEquals(replayed, table);
  });
});
