/// <reference lib="dom" />
/**
 * The filters: process and thread, and the search.
 *
 * @module
 */

import type { App, View } from "./app.ts";
import { button, element } from "./dom.ts";
import { countText, percent } from "./format.ts";
import { patternOf } from "./search.ts";

/** Creates the filters. */
export function filterView(
  app: App,
  reveal: (frame: number) => void,
): View {
  return new FilterView(app, reveal);
}

class FilterView implements View {
  readonly element: HTMLElement;
  readonly #app: App;
  readonly #reveal: (frame: number) => void;
  readonly #threads: HTMLSelectElement;
  readonly #search = element("input", {
    type: "search",
    id: "search",
    placeholder: "Name or file (regex)",
    spellcheck: "false",
    autocomplete: "off",
    "aria-describedby": "hits",
  });
  readonly #hits = element("output", { id: "hits", for: "search" });
  readonly #previous = button("Previous", () => this.#step(-1));
  readonly #next = button("Next", () => this.#step(1));

  constructor(app: App, reveal: (frame: number) => void) {
    this.#app = app;
    this.#reveal = reveal;
    this.#threads = element("select", { id: "threads" }, ...threadOptions(app));
    this.element = element(
      "section",
      { class: "bar filters", role: "search", "aria-label": "Filters" },
      ...app.model.profile.data.comparison
        ? []
        : [element("label", { for: "threads" }, "Threads"), this.#threads],
      element("label", { for: "search" }, "Search"),
      this.#search,
      this.#previous,
      this.#next,
      this.#hits,
    );
    this.#listen();
  }

  render(): void {
    const { model } = this.#app;
    const { pid, tid, search, selected } = model.state;
    const value = tid !== undefined
      ? `t${tid}`
      : pid !== undefined
      ? `p${pid}`
      : "";
    this.#threads.value = value;
    if (this.#search.value !== search) this.#search.value = search;
    const isWrong = patternOf(search) === undefined;
    this.#search.setAttribute("aria-invalid", String(isWrong));
    const rows = model.hits?.rows ?? [];
    for (const step of [this.#previous, this.#next]) {
      step.setAttribute("aria-disabled", String(rows.length === 0));
    }
    if (isWrong) {
      this.#hits.textContent = "Not a regular expression";
      return;
    }
    if (!model.hits) {
      this.#hits.textContent = "";
      return;
    }
    const { amount } = model.hits;
    const at = rows.findIndex(({ frame }) => frame === selected);
    const position = at === -1 ? "" : `${at + 1} of `;
    this.#hits.textContent = `${position}${
      countText(rows.length, "function")
    }, ${countText(amount.samples, "sample")}, ${
      percent(amount.weight, model.whole.weight)
    }`;
  }

  /** Selects the next or the previous function that the search has found. */
  #step(by: number): void {
    const { model } = this.#app;
    const rows = model.hits?.rows ?? [];
    if (rows.length === 0) return;
    const at = rows.findIndex(({ frame }) => frame === model.state.selected);
    const next = at === -1
      ? (by > 0 ? 0 : rows.length - 1)
      : (at + by + rows.length) % rows.length;
    const { frame } = rows[next];
    this.#app.change({ selected: frame });
    this.#reveal(frame);
  }

  #listen(): void {
    this.#threads.addEventListener("change", () => {
      const { value } = this.#threads;
      const id = value === "" ? undefined : Number(value.slice(1));
      this.#app.change({
        pid: value.startsWith("p") ? id : undefined,
        tid: value.startsWith("t") ? id : undefined,
      });
    });
    this.#search.addEventListener(
      "input",
      () => this.#app.change({ search: this.#search.value }, "replace"),
    );
    this.#search.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      this.#step(event.shiftKey ? -1 : 1);
      event.preventDefault();
    });
  }
}

/** Returns an option for each process and each thread, with their samples. */
function threadOptions({ model: { profile } }: App): HTMLOptionElement[] {
  const { threads, samples } = profile;
  const counts = new Int32Array(threads.length);
  for (const thread of samples.thread) counts[thread]++;
  const option = (value: string, text: string, count: number) =>
    element("option", { value }, `${text}: ${countText(count, "sample")}`);
  const options = [option("", "All", samples.count)];
  const pids = [...new Set(threads.map(({ pid }) => pid))];
  for (const pid of pids) {
    const own = threads.map((thread, i) => ({ ...thread, count: counts[i] }))
      .filter((thread) => thread.pid === pid)
      .sort((a, b) => b.count - a.count);
    const sum = own.reduce((sum, { count }) => sum + count, 0);
    const process = `Process ${own[0].processName} ${pid}`;
    options.push(option(`p${pid}`, process, sum));
    if (own.length === 1) continue;
    for (const { tid, name, count } of own) {
      options.push(option(`t${tid}`, `\u2003Thread ${name} ${tid}`, count));
    }
  }
  return options;
}
