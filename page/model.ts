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
  type ComparedRow,
  type FunctionRow,
  functionRows,
  hottestLines,
  lineWeights,
  neighborsOf,
  type SortKey,
  sortRows,
  wholeOf,
} from "./functions.ts";
import { type Histogram, histogramOf } from "./histogram.ts";
import type { Profile } from "./profile.ts";
import { matchedAmount, matchesOf, patternOf } from "./search.ts";
import { type Amount, type Amounts, amountsOf } from "./selection.ts";
import { INITIAL, type State } from "./state.ts";

/** The functions that a search has found. */
export interface Hits {
  /** True for each frame that matches. */
  readonly matches: readonly boolean[];
  /** The functions with samples, in the order of the table. */
  readonly rows: readonly FunctionRow[];
  /** The amount of the samples with such a function in their chain. */
  readonly amount: Amount;
}

/** Shares of two recordings, and the change from one to the other. */
export interface Shares {
  readonly before: number;
  readonly after: number;
  readonly change: number;
}

const share = (weight: number, whole: Amount | undefined) =>
  whole && whole.weight > 0 ? weight / whole.weight : 0;

/** Returns the row of a function without samples. */
const noRow = (frame: number): FunctionRow => ({
  ...{ frame, self: 0, selfSamples: 0, total: 0, totalSamples: 0 },
});

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
      () =>
        amountsOf(this.profile, { ...this.state, recording: this.recording }),
    );
  }

  /** Amounts of the other recording, if the page compares two. */
  get others(): Amounts | undefined {
    const { recording } = this;
    if (recording === undefined) return undefined;
    return this.#cached(
      "others",
      this.#selection,
      () =>
        amountsOf(this.profile, { ...this.state, recording: 1 - recording }),
    );
  }

  /** The recording that is shown, if the page compares two: 0 before, 1 after. */
  get recording(): number | undefined {
    if (!this.profile.data.comparison) return undefined;
    return this.state.recording ?? 1;
  }

  /** Order of the functions. */
  get sort(): SortKey {
    const { comparison } = this.profile.data;
    return this.state.sort ?? (comparison ? "change" : "self");
  }

  /** Amount of the other recording's samples; undefined if the page compares none. */
  get otherWhole(): Amount | undefined {
    return this.others && wholeOf(this.others);
  }

  /**
   * Returns the shares before and after of a part.
   *
   * @param weight Its weight in the shown recording.
   */
  shares(weight: number, otherWeight: number): Shares {
    const own = share(weight, this.whole);
    const other = share(otherWeight, this.otherWhole);
    const [before, after] = this.recording === 1 ? [other, own] : [own, other];
    return { before, after, change: after - before };
  }

  /** Amount of the selected samples. */
  get whole(): Amount {
    return wholeOf(this.amounts);
  }

  /** The functions in the order of the table. */
  get rows(): readonly FunctionRow[] {
    const { sort } = this;
    return this.#cached(
      "rows",
      [...this.#selection, sort],
      () => sortRows([...this.#byFrame.values()], sort, this.profile),
    );
  }

  /** Returns the amounts of a function; undefined if it has no selected sample. */
  row(frame: number): FunctionRow | ComparedRow | undefined {
    return this.#byFrame.get(frame);
  }

  /** The function to show: the selected one, or the hottest. */
  get selected(): number | undefined {
    const { selected } = this.state;
    if (selected !== undefined) return selected;
    return this.#cached("hottest", this.#selection, () => {
      const rows = [...this.#byFrame.values()];
      const { comparison } = this.profile.data;
      const key = comparison ? "change" : "self";
      return sortRows(rows, key, this.profile).at(0)?.frame;
    });
  }

  /** The call around all others of the flame graph. */
  get root(): Call {
    const { direction, focus } = this.state;
    const { profile, amounts, others } = this;
    const source = { profile, amounts, others };
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
    const { sort, state: { search } } = this;
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

  /** Returns the number of samples over time, in `binCount` intervals. */
  histogram(binCount: number): Histogram {
    const { pid, tid } = this.state;
    return this.#cached(
      "histogram",
      [pid, tid, binCount],
      () => histogramOf(this.profile, this.state, binCount),
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

  get #byFrame(): Map<number, FunctionRow | ComparedRow> {
    return this.#cached("by frame", this.#selection, () => {
      const rows = functionRows(this.profile, this.amounts);
      const byFrame = new Map(rows.map((row) => [row.frame, row]));
      return this.others ? this.#compared(byFrame, this.others) : byFrame;
    });
  }

  /** Returns the functions of both recordings. */
  #compared(
    own: ReadonlyMap<number, FunctionRow>,
    others: Amounts,
  ): Map<number, ComparedRow> {
    const rows = functionRows(this.profile, others);
    const byFrame = new Map(rows.map((row) => [row.frame, row]));
    const frames = new Set([...own.keys(), ...byFrame.keys()]);
    return new Map(Array.from(frames, (frame) => {
      const row = own.get(frame) ?? noRow(frame);
      const other = byFrame.get(frame) ?? noRow(frame);
      const { change } = this.shares(row.self, other.self);
      return [frame, { ...row, other, change }];
    }));
  }

  get #selection() {
    const { since, until, pid, tid } = this.state;
    return [since, until, pid, tid, this.recording];
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
