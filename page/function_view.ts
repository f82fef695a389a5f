/// <reference lib="dom" />
/**
 * The selected function with its callers and callees.
 *
 * @module
 */

import type { App, View } from "./app.ts";
import { button, element, replaceContent, swatch } from "./dom.ts";
import { amountText, percent, sharesText, weightText } from "./format.ts";
import { functionButton } from "./function_button.ts";
import type { Neighbor } from "./functions.ts";
import type { Direction } from "./state.ts";

/** Maximum number of callers, and of callees. */
const ROWS = 25;

/** Creates the view of the selected function. */
export function functionView(app: App): View {
  return new FunctionView(app);
}

class FunctionView implements View {
  readonly element: HTMLElement;
  readonly #app: App;
  readonly #content = element("div");

  constructor(app: App) {
    this.#app = app;
    this.element = element(
      "section",
      { "aria-labelledby": "function-title", class: "selected" },
      this.#content,
    );
  }

  render(): void {
    const frame = this.#app.model.selected;
    const content = frame === undefined
      ? [element("h2", { id: "function-title" }, "No function")]
      : this.#describe(frame);
    replaceContent(this.#content, ...content);
  }

  #describe(frame: number): HTMLElement[] {
    const { model } = this.#app;
    const { name, category, dso } = model.profile.frames[frame];
    const { unit, event } = model.profile.data;
    const { self = 0, selfSamples = 0, total = 0, totalSamples = 0 } =
      model.row(frame) ?? {};
    const fact = (term: string, weight: number, samples: number) => [
      element("dt", {}, term),
      element(
        "dd",
        {},
        amountText({ weight, samples }, model.whole, undefined, unit, event),
      ),
    ];
    const where = model.hottestLine(frame);
    const row = model.row(frame);
    const shares = (weight: number, otherWeight: number) =>
      sharesText(model.shares(weight, otherWeight));
    const facts = row && "change" in row
      ? [
        element("dt", {}, "Self"),
        element("dd", {}, shares(row.self, row.other.self)),
        element("dt", {}, "Total"),
        element("dd", {}, shares(row.total, row.other.total)),
      ]
      : [
        ...fact("Self", self, selfSamples),
        ...fact("Total", total, totalSamples),
      ];
    const { callers, callees } = model.neighbors(frame);
    const suffix = model.recording === undefined
      ? ""
      : [" before", " after"][model.recording];
    return [
      element(
        "h2",
        { id: "function-title", class: "function" },
        swatch(category),
        name,
      ),
      element(
        "dl",
        {},
        ...facts,
        element("dt", {}, "Code"),
        element("dd", {}, [category, dso].filter(Boolean).join(", ")),
        ...where ? [element("dt", {}, "Line"), element("dd", {}, where)] : [],
      ),
      element(
        "div",
        { class: "neighbors" },
        this.#neighbors(
          `Callers${suffix}`,
          "callers",
          ...[frame, callers, total] as const,
        ),
        this.#neighbors(
          `Callees${suffix}`,
          "callees",
          ...[frame, callees, total] as const,
        ),
      ),
    ];
  }

  #neighbors(
    title: string,
    direction: Direction,
    frame: number,
    neighbors: readonly Neighbor[],
    total: number,
  ): HTMLElement {
    const { unit } = this.#app.model.profile.data;
    const rows = neighbors.slice(0, ROWS).map(({ frame, weight, samples }) =>
      element(
        "tr",
        {},
        element("td", { class: "number" }, percent(weight, total)),
        element(
          "td",
          { class: "number wide" },
          weightText(weight, unit),
        ),
        element(
          "td",
          { class: "number wide" },
          samples.toLocaleString("en"),
        ),
        element("td", { class: "name" }, functionButton(this.#app, frame)),
      )
    );
    const rest = neighbors.length - rows.length;
    return element(
      "div",
      {},
      element("h3", {}, title),
      button(
        `Graph of ${direction}`,
        () => this.#app.change({ direction, focus: frame, zoom: [] }),
        { "data-key": direction },
      ),
      rows.length === 0 ? element("p", {}, "None.") : element(
        "table",
        { "aria-label": title },
        element(
          "thead",
          {},
          element(
            "tr",
            {},
            element("th", { scope: "col", class: "number" }, "Of total"),
            element(
              "th",
              { scope: "col", class: "number wide" },
              unit === "count" ? "Count" : "ms",
            ),
            element("th", { scope: "col", class: "number wide" }, "Samples"),
            element("th", { scope: "col", class: "name" }, "Function"),
          ),
        ),
        element("tbody", {}, ...rows),
      ),
      ...rest > 0 ? [element("p", {}, `${rest} more`)] : [],
    );
  }
}
