import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import {
  fromFragment,
  INITIAL,
  type State,
  toFragment,
} from "../../page/state.ts";

const FRAMES = 100;
const clean = (state: State) => JSON.parse(JSON.stringify(state));

describe("the fragment of a page", () => {
  it("returns the state when it is read again", () => {
    const states: State[] = [
      INITIAL,
      {
        direction: "callers",
        focus: 3,
        zoom: [5, 99, 0],
        search: "a&b=#c|\\d+ é",
        sort: "total",
        selected: 7,
        since: 1_234_567_891,
        until: 2_000_000_000,
        tid: 12,
      },
      { ...INITIAL, pid: 0, sort: "name", recording: 0 },
      { ...INITIAL, sort: "self", marked: { file: 3, line: 12 } },
    ];
    for (const state of states) {
      const fragment = toFragment(state);
      assertEquals(
        clean(fromFragment(`#${fragment}`, FRAMES)),
        clean(state),
        fragment,
      );
    }
    assertEquals(toFragment(INITIAL), "");
  });

  it("has initial values for its invalid parts when it is forged", () => {
    const forged =
      "#line=3&recording=2&since=x&until=-1&pid=1e9&tid=&graph=up&focus=100&zoom=1.x.200.2&sort=a&function=1.5";
    assertEquals(clean(fromFragment(forged, FRAMES)), {
      ...clean(INITIAL),
      zoom: [1, 2],
    });
  });
});
