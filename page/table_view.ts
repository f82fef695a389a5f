/// <reference lib="dom" />
/**
 * The table of functions.
 *
 * @module
 */

import type { App, View } from "./app.ts";
import { button, element, replaceContent } from "./dom.ts";
import { functionButton } from "./function_button.ts";
import { percent, pointsText, weightText } from "./format.ts";
import type { ComparedRow, FunctionRow, SortKey } from "./functions.ts";

/** Initial number of rows, and number of rows that a click adds. */
const ROWS = 20;

interface Column {
  readonly title: string;
  readonly class: string;
  readonly sort?: SortKey;
}

/** The columns of a comparison; shares are those of own instructions. */
const comparedColumns = (unit: string): Column[] => [
  { title: "Change", class: "number", sort: "change" },
  { title: "Before", class: "number" },
  { title: "After", class: "number" },
  { title: unit, class: "number change wide" },
  { title: "Function", class: "name", sort: "name" },
  { title: "File", class: "where wide" },
];

/** Creates the table of functions. */
export function tableView(app: App): View {
  return new TableView(app);
}

class TableView implements View {
  readonly element: HTMLElement;
  readonly #app: App;
  readonly #head = element("tr");
  readonly #body = element("tbody");
  readonly #rest = element("p", { class: "rest" });
  #shown = ROWS;

  constructor(app: App) {
    this.#app = app;
    this.element = element(
      "section",
      { "aria-labelledby": "table-title", class: "functions" },
      element("h2", { id: "table-title" }, "Functions"),
      element(
        "div",
        { class: "scroll" },
        element(
          "table",
          { "aria-labelledby": "table-title" },
          element("thead", {}, this.#head),
          this.#body,
        ),
        this.#rest,
      ),
    );
  }

  render(): void {
    const { model } = this.#app;
    this.#renderHead();
    const rows = model.hits?.rows ?? model.rows;
    const shown = rows.slice(0, this.#shown);
    replaceContent(this.#body, ...shown.map((row) => this.#row(row)));
    const rest = rows.length - shown.length;
    replaceContent(
      this.#rest,
      ...rest > 0
        ? [button(`Show more (${rest} left)`, () => {
          this.#shown += ROWS;
          this.render();
        }, { "data-key": "more" })]
        : rows.length === 0
        ? ["No function."]
        : [],
    );
  }

  #renderHead(): void {
    const { sort } = this.#app.model;
    const { unit, comparison } = this.#app.model.profile.data;
    const isTime = unit === "nanoseconds";
    const columns: Column[] = comparison
      ? comparedColumns(isTime ? "Self ms" : "Self count")
      : [
        { title: "Self", class: "number", sort: "self" },
        { title: isTime ? "Self ms" : "Self count", class: "number wide" },
        { title: "Samples", class: "number wide" },
        { title: "Total", class: "number", sort: "total" },
        { title: "Function", class: "name", sort: "name" },
        { title: "Hottest line or file", class: "where wide" },
      ];
    replaceContent(
      this.#head,
      ...columns.map(({ title, class: name, sort: key }) => {
        if (key === undefined) {
          return element("th", { scope: "col", class: name }, title);
        }
        const isSorted = key === sort;
        const order = key === "name" ? "ascending" : "descending";
        return element(
          "th",
          {
            scope: "col",
            class: name,
            "aria-sort": isSorted ? order : undefined,
          },
          button(title, () => this.#app.change({ sort: key }), {
            "data-key": key,
          }),
        );
      }),
    );
  }

  #row(row: FunctionRow | ComparedRow): HTMLElement {
    if ("change" in row) return this.#comparedRow(row);
    const { frame, self, selfSamples, total } = row;
    const { model } = this.#app;
    const { dso } = model.profile.frames[frame];
    const { unit } = model.profile.data;
    const { weight } = model.whole;
    const where = model.hottestLine(frame) || dso;
    const bar = element("td", { class: "number share" }, percent(self, weight));
    bar.style.setProperty("--share", `${100 * self / (weight || 1)}%`);
    return this.#rowOf(frame, where, [
      bar,
      element("td", { class: "number wide" }, weightText(self, unit)),
      element("td", { class: "number wide" }, selfSamples.toLocaleString("en")),
      element("td", { class: "number" }, percent(total, weight)),
    ]);
  }

  #comparedRow({ frame, self, other }: ComparedRow): HTMLElement {
    const { model } = this.#app;
    const { unit } = model.profile.data;
    const { before, after, change } = model.shares(self, other.self);
    const weights = model.recording === 1
      ? [other.self, self]
      : [self, other.self];
    const cell = (text: string, name = "number") =>
      element("td", { class: name }, text);
    return this.#rowOf(frame, model.profile.frames[frame].dso, [
      cell(pointsText(change)),
      cell(before === 0 && after > 0 ? "new" : percent(before, 1)),
      cell(after === 0 && before > 0 ? "gone" : percent(after, 1)),
      cell(
        weights.map((weight) => weightText(weight, unit)).join(" → "),
        "number change wide",
      ),
    ]);
  }

  #rowOf(
    frame: number,
    where: string,
    numbers: readonly HTMLElement[],
  ): HTMLElement {
    const isCurrent = frame === this.#app.model.selected;
    return element(
      "tr",
      { class: isCurrent ? "current" : undefined },
      ...numbers,
      element(
        "td",
        { class: "name" },
        functionButton(this.#app, frame, isCurrent),
      ),
      element(
        "td",
        { class: "where wide", title: where },
        element("span", {}, where),
      ),
    );
  }
}
