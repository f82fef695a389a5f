/**
 * The state of a page, which its URL's fragment contains.
 *
 * @module
 */

import type { SortKey } from "./functions.ts";
import type { Selection } from "./selection.ts";

/** Direction of the flame graph: the calls that are drawn inside a call. */
export type Direction = "callees" | "callers";

/** The state of a page. */
export interface State extends Selection {
  readonly direction: Direction;
  /** The frame whose calls the flame graph shows; undefined for all. */
  readonly focus?: number;
  /** The frames from the graph's root to the zoomed call. */
  readonly zoom: readonly number[];
  readonly search: string;
  /** Order of the functions; undefined for the page's own. */
  readonly sort?: SortKey;
  /** The function whose callers, callees and code are shown. */
  readonly selected?: number;
  /** The source line that is marked in the code. */
  readonly marked?: Place;
}

/** A source line. */
export interface Place {
  /** Index of the file. */
  readonly file: number;
  readonly line: number;
}

const SORT_KEYS: readonly SortKey[] = ["self", "total", "name", "change"];

/** The state of a page that was opened without a fragment. */
export const INITIAL: State = {
  direction: "callees",
  zoom: [],
  search: "",
};

/** Returns the fragment of a state, without its `#`. */
export function toFragment(state: State): string {
  const parameters = new URLSearchParams();
  const add = (name: string, value: string | number | undefined) => {
    if (value !== undefined && value !== "") {
      parameters.append(name, String(value));
    }
  };
  const { since, until, direction, sort } = state;
  add("since", since === undefined ? undefined : since / 1e9);
  add("until", until === undefined ? undefined : until / 1e9);
  add("pid", state.pid);
  add("tid", state.tid);
  add("recording", state.recording);
  add("graph", direction === INITIAL.direction ? undefined : direction);
  add("focus", state.focus);
  add("zoom", state.zoom.join("."));
  add("search", state.search);
  add("sort", sort);
  add("function", state.selected);
  add("line", state.marked && `${state.marked.file}.${state.marked.line}`);
  return parameters.toString();
}

/**
 * Returns the state of a fragment. Missing and invalid parts have their initial values.
 *
 * @param frameCount Number of the frames.
 */
export function fromFragment(fragment: string, frameCount: number): State {
  const parameters = new URLSearchParams(fragment.replace(/^#/, ""));
  const number = (name: string) => numberOf(parameters.get(name));
  const nanoseconds = (name: string) => {
    const seconds = number(name);
    return seconds === undefined ? undefined : Math.round(seconds * 1e9);
  };
  const frame = (index: number | undefined) =>
    index !== undefined && Number.isInteger(index) && index < frameCount
      ? index
      : undefined;
  const sort = parameters.get("sort");
  const recording = number("recording");
  return {
    since: nanoseconds("since"),
    until: nanoseconds("until"),
    pid: number("pid"),
    tid: number("tid"),
    recording: recording === 0 || recording === 1 ? recording : undefined,
    direction: parameters.get("graph") === "callers" ? "callers" : "callees",
    focus: frame(number("focus")),
    zoom: (parameters.get("zoom") ?? "").split(".")
      .map((part) => frame(numberOf(part)))
      .filter((index) => index !== undefined),
    search: parameters.get("search") ?? "",
    sort: SORT_KEYS.find((key) => key === sort),
    selected: frame(number("function")),
    marked: placeOf(parameters.get("line")),
  };
}

function placeOf(text: string | null): Place | undefined {
  const [file, line] = (text ?? "").split(".").map(numberOf);
  return file === undefined || line === undefined ? undefined : { file, line };
}

/** Returns a number that is not negative; undefined if the text is not one. */
function numberOf(text: string | null): number | undefined {
  return text !== null && /^\d+(?:\.\d+)?$/.test(text)
    ? Number(text)
    : undefined;
}
