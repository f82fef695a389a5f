import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type Call, callAt, pathOf } from "../../page/calls.ts";
import { histogramOf } from "../../page/histogram.ts";
import { boxAt, layOut } from "../../page/layout.ts";
import { patternOf } from "../../page/search.ts";
import { at, NATIVE_MAIN, type Stack } from "../support/build_profile.ts";
import { frameOf, modelOf, pageProfile } from "../support/page_profile.ts";

const [f, g, h] = [at("f", 1), at("g", 2), at("h")];
const process = "a program 7";
const stack = (weight: number, ...symbols: Stack["symbols"]): Stack => ({
  ...{ process, symbols, weight },
});

/** Function f calls itself, and each of its calls calls g. */
const PROFILE = pageProfile(
  stack(4, NATIVE_MAIN, f),
  stack(2, NATIVE_MAIN, f, g),
  stack(3, NATIVE_MAIN, f, f, g),
  stack(1, NATIVE_MAIN, h),
  { ...stack(5, NATIVE_MAIN, g), tid: 8 },
  { process: "other 9", symbols: [g], weight: 6 },
);

/** Returns a call as `name weight` or `[name weight, inner calls]`. */
function show(call: Call): unknown {
  const text = `${PROFILE.frames[call.frame].name} ${call.weight}`;
  return call.inner.length === 0 ? text : [text, ...call.inner.map(show)];
}

describe("the flame graph", () => {
  it("has callees in their callers when it is not inverted", () => {
    assertEquals(show(modelOf(PROFILE).root), [
      "all 21",
      [
        "a program 7 15",
        ["main 15", ["f 9", ["f 3", "g 3"], "g 2"], "g 5", "h 1"],
      ],
      ["other 9 6", "g 6"],
    ]);
  });

  it("has callers in their callees when it is inverted", () => {
    const { root } = modelOf(PROFILE, { direction: "callers" });
    const [, g, f] = show(root) as unknown[];
    assertEquals(root.weight, 21);
    assertEquals(
      g,
      [
        "g 16",
        "other 9 6",
        [
          "f 5",
          ["f 3", ["main 3", "a program 7 3"]],
          ["main 2", "a program 7 2"],
        ],
        ["main 5", "a program 7 5"],
      ].toSorted((a, b) => weight(b) - weight(a)),
    );
    assertEquals(f, ["f 4", ["main 4", "a program 7 4"]]);
  });

  it("merges the calls of a function when it shows only that one", () => {
    const focus = frameOf(PROFILE, "f");
    assertEquals(show(modelOf(PROFILE, { focus }).root), [
      "f 9",
      ["f 3", "g 3"],
      "g 2",
    ]);
    assertEquals(
      show(modelOf(PROFILE, { focus, direction: "callers" }).root),
      ["f 9", ["main 9", "a program 7 9"]],
    );
  });

  it("finds the innermost existing call of a path when it is zoomed", () => {
    const { root } = modelOf(PROFILE);
    const [process] = root.inner;
    const inner = process.inner[0].inner[0].inner[0];
    assertEquals(pathOf(inner).length, 4);
    assert(callAt(root, pathOf(inner)) === inner);
    assert(callAt(root, [process.frame, 9999]) === process);
  });
});

const weight = (shown: unknown): number =>
  Number(String(Array.isArray(shown) ? shown[0] : shown).split(" ").at(-1));

describe("the layout of a flame graph", () => {
  it("has boxes as wide as the calls' shares when it is computed", () => {
    const rows = layOut(modelOf(PROFILE).root, 2100);
    const boxes = rows.map((row) =>
      row.map(({ left, width }) => [Math.round(left), Math.round(width)])
    );
    assertEquals(boxes, [
      [[0, 2100]],
      [[0, 1500], [1500, 600]],
      [[0, 1500], [1500, 600]],
      [[0, 900], [900, 500], [1400, 100]],
      [[0, 300], [300, 200]],
      [[0, 300]],
    ]);
    assertEquals(boxAt(rows[3], 1000)?.call.weight, 5);
    assertEquals(boxAt(rows[3], 1600), undefined);
  });

  it("has one box for calls when they are narrower than a pixel", () => {
    const many = pageProfile(
      stack(900, f),
      ...Array.from({ length: 100 }, (_, i) => stack(1, at(`g${i}`))),
    );
    const [, , boxes, ...rest] = layOut(modelOf(many).root, 500);
    assertEquals(
      boxes.map(({ left, width, rest }) => [left, width, rest]),
      [[0, 450, 0], [450, 50, 100]],
    );
    assertEquals(rest, []);
    const rows = layOut(modelOf(PROFILE).root, 15);
    // One call is too narrow even for such a box.
    assertEquals(rows[3].map(({ rest }) => rest), [0, 0]);
  });

  it("has the calls around a call at full width when it is zoomed", () => {
    const { root } = modelOf(PROFILE);
    const zoomed = root.inner[0].inner[0];
    const rows = layOut(zoomed, 150);
    assertEquals(
      rows.map((row) => row.map(({ width }) => Math.round(width))),
      [[150], [150], [150], [90, 50, 10], [30, 20], [30]],
    );
    assertEquals(rows.map(([{ isAround }]) => isAround).slice(0, 3), [
      ...[true, true, false],
    ]);
  });

  it("has all rows when a recursion is 10 000 deep", () => {
    const deep = pageProfile(stack(1, ...Array(10_000).fill(f)));
    assertEquals(layOut(modelOf(deep).root, 100).length, 10_002);
  });
});

describe("the functions of a page", () => {
  const table = (state: Parameters<typeof modelOf>[1] = {}) =>
    modelOf(PROFILE, state).rows.map((
      { frame, self, selfSamples, total, totalSamples },
    ) => [
      PROFILE.frames[frame].name,
      ...[self, selfSamples, total, totalSamples],
    ]);

  it("count a recursive call once when they are added up", () => {
    assertEquals(table(), [
      ["g", 16, 4, 16, 4],
      ["f", 4, 1, 9, 3],
      ["h", 1, 1, 1, 1],
      ["main", 0, 0, 15, 5],
    ]);
  });

  it("are in the selected order when they are sorted", () => {
    const names = (sort: "total" | "name") =>
      table({ sort }).map(([name]) => name);
    assertEquals(names("total"), ["g", "main", "f", "h"]);
    assertEquals(names("name"), ["f", "g", "h", "main"]);
  });

  it("have only the samples of a time range, process or thread when it is selected", () => {
    assertEquals(table({ since: 1e6, until: 3e6 }), [
      ["g", 5, 2, 5, 2],
      ["f", 0, 0, 5, 2],
      ["main", 0, 0, 5, 2],
    ]);
    assertEquals(table({ pid: 9 }), [["g", 6, 1, 6, 1]]);
    assertEquals(table({ tid: 8 }), [["g", 5, 1, 5, 1], ["main", 0, 0, 5, 1]]);
    assertEquals(table({ since: 9e9 }), []);
  });

  it("have callers and callees when one is selected", () => {
    const neighbors = (name: string) => {
      const { callers, callees } = modelOf(PROFILE)
        .neighbors(frameOf(PROFILE, name));
      const text = ({ frame, weight, samples }: (typeof callers)[number]) =>
        `${PROFILE.frames[frame].name} ${weight} ${samples}`;
      return [callers.map(text), callees.map(text)];
    };
    assertEquals(neighbors("g"), [["f 5 2", "main 5 1"], []]);
    assertEquals(neighbors("f"), [["main 9 3", "f 3 1"], ["g 5 2", "f 3 1"]]);
  });

  it("name the line with the most samples when there are several", () => {
    const profile = pageProfile(
      stack(3, at("f", 1)),
      stack(5, at("f", 2)),
      stack(4, at("f", 1)),
    );
    const frame = frameOf(profile, "f");
    assertEquals(modelOf(profile).hottestLine(frame), "/a.calc:1");
    const later = modelOf(profile, { since: 1e6 });
    assertEquals(later.hottestLine(frame), "/a.calc:2");
  });
});

describe("the search of a page", () => {
  it("counts a sample once when several of its functions match", () => {
    const { hits } = modelOf(PROFILE, { search: "^[FG]$" });
    assertEquals(
      hits?.rows.map(({ frame }) => PROFILE.frames[frame].name),
      ["g", "f"],
    );
    assertEquals(hits?.amount, { weight: 20, samples: 5 });
  });

  it("finds functions by their file when the pattern matches it", () => {
    const { hits } = modelOf(PROFILE, { search: "/bin/|a\\.calc" });
    assertEquals(
      hits?.rows.map(({ frame }) => PROFILE.frames[frame].name),
      ["g", "f", "main"],
    );
  });

  it("has no result when the pattern is invalid or missing", () => {
    assertEquals(patternOf("("), undefined);
    assertEquals(modelOf(PROFILE, { search: "(" }).hits, undefined);
    assertEquals(modelOf(PROFILE).hits, undefined);
  });
});

describe("the histogram of a page", () => {
  it("counts each sample in the bin of its time when it is computed", () => {
    const { bins, highest, start, end } = histogramOf(PROFILE, {}, 3);
    assertEquals([...bins[0]], [2, 2, 2]);
    assertEquals([highest, start, end], [2, 0, 5e6 + 1]);
  });

  it("has only a process's samples when it is selected", () => {
    const { bins } = histogramOf(PROFILE, { pid: 9, until: 1 }, 3);
    assertEquals([...bins[0]], [0, 0, 1]);
  });
});

describe("the model of a page", () => {
  it("keeps results when only other parts of the state change", () => {
    const model = modelOf(PROFILE);
    const { root, amounts } = model;
    model.state = { ...model.state, search: "f", selected: 1 };
    assert(model.root === root);
    model.state = { ...model.state, since: 1e6 };
    assert(model.amounts !== amounts);
  });
});
