import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { openForAll } from "../../src/recorder/all_threads.ts";

/** Opens for lists of threads, one after the other; returns the outcome and what was closed. */
function openFor(lists: number[][]) {
  const closed: string[] = [];
  let round = 0;
  const outcome = openForAll(
    () => lists[Math.min(round++, lists.length - 1)],
    (threads) => threads.join(),
    (opened) => closed.push(opened),
  );
  return { ...outcome, closed };
}

describe("openForAll()", () => {
  it("opens once when no thread has started meanwhile", () => {
    assertEquals(openFor([[1, 2], [1, 2]]), {
      opened: "1,2",
      isComplete: true,
      closed: [],
    });
  });

  it("opens once when a thread has ended meanwhile", () => {
    assertEquals(openFor([[1, 2], [1]]).closed, []);
  });

  it("closes and opens again when a thread has started meanwhile", () => {
    assertEquals(openFor([[1], [1, 2], [1, 2, 3], [1, 2, 3]]), {
      opened: "1,2,3",
      isComplete: true,
      closed: ["1", "1,2"],
    });
  });

  it("opens again when a thread has ended and another has started", () => {
    assertEquals(openFor([[1, 2], [1, 3], [1, 3]]).opened, "1,3");
  });

  it("reports an incomplete set when threads start each time", () => {
    const lists = Array.from({ length: 1000 }, (_, i) => [i]);
    const { isComplete, closed } = openFor(lists);
    assertEquals([isComplete, closed.length], [false, 4]);
  });
});
