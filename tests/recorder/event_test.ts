import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import {
  eventsOfPmus,
  parseEvent,
  userOnly,
} from "../../src/recorder/event.ts";

describe("parseEvent()", () => {
  it("returns type and config when it gets an event's name in perf", () => {
    assertEquals(parseEvent("cache-misses"), {
      name: "cache-misses",
      type: 0,
      config: 3n,
      only: undefined,
    });
    assertEquals(parseEvent("task-clock")?.type, 1);
  });

  it("limits the event when the name has a modifier", () => {
    assertEquals(parseEvent("cycles:u")?.only, "user");
    assertEquals(parseEvent("cycles:k")?.only, "kernel");
  });

  it("returns undefined when the name is unknown", () => {
    for (const text of ["branches", "cycles:x", "toString", ""]) {
      assertEquals(parseEvent(text), undefined);
    }
  });
});

describe("userOnly()", () => {
  it("names the event like perf when it excludes the kernel", () => {
    assertEquals(userOnly(parseEvent("cycles")!).name, "cycles:u");
  });
});

describe("eventsOfPmus()", () => {
  const pmus = [
    { name: "cpu_core", type: 4, cpus: new Set([0, 1]) },
    { name: "cpu_atom", type: 10, cpus: new Set([2]) },
  ];

  it("returns an event for each PMU when the processor is hybrid", () => {
    assertEquals(
      eventsOfPmus(parseEvent("cycles:u")!, pmus).map((event) => [
        event.name,
        event.config,
        [...event.cpus!],
      ]),
      [
        ["cpu_core/cycles/u", 4n << 32n, [0, 1]],
        ["cpu_atom/cycles/u", 10n << 32n, [2]],
      ],
    );
  });

  it("returns the event itself when it is a software event or there is one PMU", () => {
    const clock = parseEvent("cpu-clock")!;
    assertEquals(eventsOfPmus(clock, pmus), [clock]);
    const cycles = parseEvent("cycles")!;
    assertEquals(eventsOfPmus(cycles, []), [cycles]);
  });
});
