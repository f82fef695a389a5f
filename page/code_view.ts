/// <reference lib="dom" />
/**
 * The source and the instructions of the selected function, side by side.
 *
 * @module
 */

import type { App, View } from "./app.ts";
import type { Compilation, FunctionCode, SourceRow } from "./code.ts";
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
  #frame: number | undefined;
  #code: FunctionCode | undefined;
  #marked: Place | undefined;

  constructor(app: App) {
    this.#app = app;
  }

  render(): void {
    const { model } = this.#app;
    const frame = model.selected;
    const code = frame === undefined ? undefined : model.code(frame);
    if (code !== this.#code) {
      const isSame = frame === this.#frame;
      [this.#frame, this.#code] = [frame, code];
      this.#renderCode(isSame);
    }
    const { marked } = model.state;
    this.#renderMarks(marked);
    if (marked && marked !== this.#marked) this.#showRows("tr.marked");
    this.#marked = marked;
  }

  /** @param isSame True if the function is the same as before, so that it stays scrolled. */
  #renderCode(isSame: boolean): void {
    const { model } = this.#app;
    const [frame, code] = [this.#frame, this.#code];
    const isEmpty = !code ||
      code.sources.length + code.compilations.length === 0;
    this.element.hidden = isEmpty;
    if (isEmpty) return this.element.replaceChildren();
    const scrolled = this.#lists.map(({ scrollTop }) => scrollTop);
    const { name } = model.profile.frames[frame!];
    const whole = model.row(frame!)?.self ?? 0;
    const hasText = code.sources.some((rows) =>
      rows.some(({ text }) => text !== undefined)
    );
    const sources = code.sources.map((rows) => this.#source(rows, whole));
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
        ...instructions.length > 0 ? [] : [
          " Instructions are only of the hottest functions, and need objdump.",
        ],
        ...rest > 0 ? [` ${rest} colder compilations are left out.`] : [],
      ),
      element(
        "div",
        { class: instructions.length > 0 ? "panes" : "panes single" },
        element("div", {}, ...sources),
        ...instructions.length > 0 ? [element("div", {}, ...instructions)] : [],
      ),
    );
    if (!isSame) return this.#showRows("tr.hottest");
    this.#lists.forEach((list, i) => list.scrollTop = scrolled[i] ?? 0);
  }

  /** Marks the rows of a line. */
  #renderMarks(marked: Place | undefined): void {
    const mark = marked && keyOf(marked);
    const rows = this.element.querySelectorAll<HTMLElement>("tr[data-place]");
    for (const row of rows) {
      const isMarked = row.dataset.place === mark;
      row.classList.toggle("marked", isMarked);
      row.querySelector("button")
        ?.setAttribute("aria-pressed", String(isMarked));
    }
  }

  /** Scrolls each list to the first of some rows, unless it is visible. */
  #showRows(selector: string): void {
    for (const list of this.#lists) {
      const row = list.querySelector<HTMLElement>(selector);
      if (!row) continue;
      const { offsetTop } = row;
      const isVisible = list.scrollTop <= offsetTop &&
        offsetTop + row.offsetHeight <= list.scrollTop + list.clientHeight;
      if (!isVisible) list.scrollTop = offsetTop - list.clientHeight / 3;
    }
  }

  get #lists(): HTMLElement[] {
    return [...this.element.querySelectorAll<HTMLElement>(".lines")];
  }

  #source(rows: readonly SourceRow[], whole: number): HTMLElement {
    const file = this.#app.model.profile.data.files[rows[0].file];
    const hottest = greatest(rows);
    let before = rows[0].line - 1;
    const body = rows.flatMap((row) => {
      const isGap = row.line !== before + 1;
      before = row.line;
      const shown = this.#row(row, row, whole, hottest, [
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
    const hottest = greatest(rows);
    const body = rows.map((row, i) =>
      this.#row(row, row.place, whole, hottest, [
        element("td", { class: "offset" }, `+${row.offset.toString(16)}`),
        element(
          "td",
          { class: "line" },
          row.place ? this.#lineButton(row.place, `${place} ${i}`) : "",
        ),
        element("td", { class: "text" }, row.text),
      ])
    );
    return listing(
      `${place}, ${percent(weight, whole)}`,
      ["Share", "Offset", "Line", "Instruction"],
      body,
    );
  }

  #row(
    { weight }: { readonly weight: number },
    place: Place | undefined,
    whole: number,
    hottest: number,
    cells: readonly HTMLElement[],
  ): HTMLElement {
    const row = element(
      "tr",
      {
        "data-place": place && keyOf(place),
        class: weight > 0 && weight === hottest ? "hottest" : undefined,
      },
      element(
        "td",
        { class: "number" },
        weight > 0 ? percent(weight, whole) : "",
      ),
      ...cells,
    );
    row.style.setProperty("--share", String(weight / (whole || 1)));
    return row;
  }

  /** Creates the button of a line. The Tab key skips the buttons of instructions. */
  #lineButton(place: Place, key: string): HTMLElement {
    const { line } = place;
    return button(
      String(line),
      () => {
        const { marked } = this.#app.model.state;
        const isMarked = marked !== undefined && keyOf(marked) === keyOf(place);
        const { file, line } = place;
        this.#app.change({ marked: isMarked ? undefined : { file, line } });
      },
      {
        "data-key": `${key} ${line}`,
        tabindex: key === SOURCE ? undefined : -1,
        "aria-pressed": "false",
        "aria-label": `Line ${line}`,
      },
    );
  }
}

const keyOf = ({ file, line }: Place) => `${file}.${line}`;

const greatest = (rows: readonly { readonly weight: number }[]) =>
  rows.reduce((most, { weight }) => Math.max(most, weight), 0);

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
