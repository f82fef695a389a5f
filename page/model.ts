/**
 * The data that a page shows in its state. Results are cached until the state that they depend
 * on changes.
 *
 * @module
 */

import {
  type Call,
  callAt,
  calleeFirst,
  callerFirst,
  pathOf,
} from "./calls.ts";
import { codeOf, type FunctionCode, instructionWeights } from "./code.ts";
import {
  type FunctionRow,
  functionRows,
  hottestLines,
  lineWeights,
  neighborsOf,
  sortRows,
  wholeOf,
} from "./functions.ts";
import type { Profile } from "./profile.ts";
import { matchedAmount, matchesOf, patternOf } from "./search.ts";
import { type Amount, type Amounts, amountsOf } from "./selection.ts";
import { INITIAL, type State } from "./state.ts";

/** The functions that a search has found. */
export interface Hits {
  /** For each frame, true if it matches. */
  readonly matches: readonly boolean[];
  /** The functions with samples, in the order of the table. */
  readonly rows: readonly FunctionRow[];
  /** The amount of the samples with such a function in their chain. */
  readonly amount: Amount;
}

/** A profile in a state of the page. */
export class Model {
  state: State = INITIAL;
  readonly #cache = new Map<string, { key: string; value: unknown }>();

  constructor(readonly profile: Profile) {}

  /** Amounts of the selected samples, by node. */
  get amounts(): Amounts {
    return this.#cached(
      "amounts",
      this.#selection,
      () => amountsOf(this.profile, this.state),
    );
  }

  /** Amount of the selected samples. */
  get whole(): Amount {
    return wholeOf(this.amounts);
  }

  /** The functions in the order of the table. */
  get rows(): readonly FunctionRow[] {
    const { sort } = this.state;
    return this.#cached(
      "rows",
      [...this.#selection, sort],
      () => sortRows([...this.#byFrame.values()], sort, this.profile),
    );
  }

  /** Returns the amounts of a function; undefined if it has no selected sample. */
  row(frame: number): FunctionRow | undefined {
    return this.#byFrame.get(frame);
  }

  /** The function to show: the selected one, or the hottest. */
  get selected(): number | undefined {
    const { selected } = this.state;
    if (selected !== undefined) return selected;
    return this.#cached("hottest", this.#selection, () => {
      const rows = [...this.#byFrame.values()];
      return sortRows(rows, "self", this.profile).at(0)?.frame;
    });
  }

  /** The call around all others of the flame graph. */
  get root(): Call {
    const { direction, focus } = this.state;
    const source = { profile: this.profile, amounts: this.amounts };
    return this.#cached(
      "root",
      [...this.#selection, direction, focus],
      () =>
        direction === "callees"
          ? callerFirst(source, focus)
          : calleeFirst(source, focus),
    );
  }

  /** The call that is as wide as the flame graph. */
  get zoomed(): Call {
    return callAt(this.root, this.state.zoom);
  }

  /** The result of the search; undefined without a pattern, or if it is invalid. */
  get hits(): Hits | undefined {
    const { search, sort } = this.state;
    const pattern = search === "" ? undefined : patternOf(search);
    if (pattern === undefined) return undefined;
    const matches = this.#cached(
      "matches",
      [search],
      () => matchesOf(this.profile, pattern),
    );
    return this.#cached("hits", [...this.#selection, search, sort], () => ({
      matches,
      rows: this.rows.filter(({ frame }) => matches[frame]),
      amount: matchedAmount(this.profile, this.amounts, matches),
    }));
  }

  /** Returns the callers and the callees of a function. */
  neighbors(frame: number): ReturnType<typeof neighborsOf> {
    return this.#cached(
      "neighbors",
      [...this.#selection, frame],
      () => neighborsOf(this.profile, this.amounts, frame),
    );
  }

  /** The weight of each line. */
  get lineWeights(): Float64Array {
    return this.#cached(
      "lines",
      this.#selection,
      () => lineWeights(this.profile, this.state),
    );
  }

  /** The weight of each instruction; those of all functions are in one column. */
  get instructionWeights(): Float64Array {
    return this.#cached(
      "instructions",
      this.#selection,
      () => instructionWeights(this.profile, this.state),
    );
  }

  /** Returns the source and the instructions of a function. */
  code(frame: number): FunctionCode {
    return this.#cached(
      "code",
      [...this.#selection, frame],
      () =>
        codeOf(this.profile, frame, this.lineWeights, this.instructionWeights),
    );
  }

  /** Returns the hottest line of a function as text; empty if it has none. */
  hottestLine(frame: number): string {
    const hottest = this.#cached(
      "hottest lines",
      this.#selection,
      () => hottestLines(this.profile, this.lineWeights),
    );
    const index = hottest.get(frame);
    if (index === undefined) return "";
    const { file, line } = this.profile.lines[index];
    return `${this.profile.data.files[file]}:${line}`;
  }

  /** Returns the state in which a call is zoomed, and its function is selected. */
  zoomedTo(call: Call): State {
    const { category } = this.profile.frames[call.frame];
    return {
      ...this.state,
      zoom: pathOf(call),
      selected: category === "process" ? this.state.selected : call.frame,
    };
  }

  get #byFrame(): Map<number, FunctionRow> {
    return this.#cached("by frame", this.#selection, () => {
      const rows = functionRows(this.profile, this.amounts);
      return new Map(rows.map((row) => [row.frame, row]));
    });
  }

  get #selection() {
    const { since, until, pid, tid } = this.state;
    return [since, until, pid, tid];
  }

  #cached<T>(name: string, parts: readonly unknown[], compute: () => T): T {
    const key = JSON.stringify(parts);
    const known = this.#cache.get(name);
    if (known?.key === key) return known.value as T;
    const value = compute();
    this.#cache.set(name, { key, value });
    return value;
  }
}
