/// <reference lib="dom" />
/**
 * The source and the instructions of the selected function, side by side.
 *
 * @module
 */

import type { App, View } from "./app.ts";
import type { Compilation, SourceRow } from "./code.ts";
import { button, element, replaceContent } from "./dom.ts";
import { percent } from "./format.ts";
import type { Place } from "./state.ts";

/** Maximum number of compilations of one function. */
const COMPILATIONS = 5;

/** Key of the buttons in the source. */
const SOURCE = "source";

/** Creates the view of source and instructions. */
export function codeView(app: App): View {
  return new CodeView(app);
}

class CodeView implements View {
  readonly element = element("section", {
    class: "code",
    "aria-labelledby": "code-title",
  });
  readonly #app: App;

  constructor(app: App) {
    this.#app = app;
  }

  render(): void {
    const { model } = this.#app;
    const frame = model.selected;
    const code = frame === undefined ? undefined : model.code(frame);
    const isEmpty = !code ||
      code.sources.length + code.compilations.length === 0;
    this.element.hidden = isEmpty;
    if (isEmpty) return this.element.replaceChildren();
    const { name } = model.profile.frames[frame!];
    const whole = model.row(frame!)?.self ?? 0;
    const hasText = code.sources.some((rows) =>
      rows.some(({ text }) => text !== undefined)
    );
    const panes = [
      ...code.sources.map((rows) => this.#source(rows, whole)),
    ];
    const instructions = code.compilations.slice(0, COMPILATIONS)
      .map((compilation) => this.#instructions(compilation, whole));
    const rest = code.compilations.length - instructions.length;
    replaceContent(
      this.element,
      element(
        "h2",
        { id: "code-title" },
        `Source and instructions of ${name}`,
      ),
      element(
        "p",
        { class: "facts" },
        "Shares are of the function's own samples. A line's number marks its instructions.",
        ...hasText ? [] : [" The source files could not be read."],
        ...instructions.length > 0 ? [] : [" This page has no instructions."],
        ...rest > 0 ? [` ${rest} colder compilations are left out.`] : [],
      ),
      element(
        "div",
        { class: instructions.length > 0 ? "panes" : "panes single" },
        element("div", {}, ...panes),
        ...instructions.length > 0 ? [element("div", {}, ...instructions)] : [],
      ),
    );
  }

  #source(rows: readonly SourceRow[], whole: number): HTMLElement {
    const file = this.#app.model.profile.data.files[rows[0].file];
    let before = rows[0].line - 1;
    const body = rows.flatMap((row) => {
      const isGap = row.line !== before + 1;
      before = row.line;
      const shown = this.#row(row.weight, whole, row, [
        element("td", { class: "line" }, this.#lineButton(row, SOURCE)),
        element("td", { class: "text" }, row.text ?? ""),
      ]);
      return isGap
        ? [
          element(
            "tr",
            { class: "gap" },
            element("td", {}),
            element("td", { class: "line" }, "⋮"),
            element("td", {}),
          ),
          shown,
        ]
        : [shown];
    });
    return listing(file, ["Share", "Line", "Source"], body);
  }

  #instructions(
    { place, rows, weight }: Compilation,
    whole: number,
  ): HTMLElement {
    const body = rows.map((row, i) =>
      this.#row(row.weight, whole, row.place, [
        element(
          "td",
          { class: "line" },
          row.place
            ? this.#lineButton(row.place, `${place} ${i}`)
            : row.offset.toString(16),
        ),
        element("td", { class: "text" }, row.text),
      ])
    );
    return listing(
      `${place}, ${percent(weight, whole)}`,
      ["Share", "Line", "Instruction"],
      body,
    );
  }

  #row(
    weight: number,
    whole: number,
    place: Place | undefined,
    cells: readonly HTMLElement[],
  ): HTMLElement {
    const { marked } = this.#app.model.state;
    const isMarked = place !== undefined && marked?.file === place.file &&
      marked.line === place.line;
    const share = element(
      "td",
      { class: "number" },
      weight > 0 ? percent(weight, whole) : "",
    );
    const row = element(
      "tr",
      { class: isMarked ? "marked" : undefined },
      share,
      ...cells,
    );
    row.style.setProperty("--share", String(weight / (whole || 1)));
    return row;
  }

  /** Creates the button of a line. The Tab key skips those of instructions. */
  #lineButton({ file, line }: Place, key: string): HTMLElement {
    const { marked } = this.#app.model.state;
    const isMarked = marked?.file === file && marked.line === line;
    return button(
      String(line),
      () => this.#app.change({ marked: isMarked ? undefined : { file, line } }),
      {
        "data-key": `${key} ${line}`,
        tabindex: key === SOURCE ? undefined : -1,
        "aria-pressed": String(isMarked),
        "aria-label": `Line ${line}`,
      },
    );
  }
}

function listing(
  title: string,
  columns: readonly string[],
  rows: readonly HTMLElement[],
): HTMLElement {
  return element(
    "div",
    { class: "listing" },
    element("h3", {}, title),
    element(
      "div",
      { class: "lines", tabindex: 0, role: "region", "aria-label": title },
      element(
        "table",
        {},
        element(
          "thead",
          { class: "hidden" },
          element(
            "tr",
            {},
            ...columns.map((column) => element("th", { scope: "col" }, column)),
          ),
        ),
        element("tbody", {}, ...rows),
      ),
    ),
  );
}
