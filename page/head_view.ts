/// <reference lib="dom" />
/**
 * The head of a page: facts about the recording, and the shares of categories.
 *
 * @module
 */

import type { App, View } from "./app.ts";
import { element, replaceContent, swatch } from "./dom.ts";
import {
  countText,
  dateText,
  percent,
  seconds,
  weightWithUnit,
} from "./format.ts";
import { CATEGORIES, timesOf } from "./histogram.ts";

/** Names of categories. */
const NAMES: Record<string, string> = { javascript: "JavaScript" };

/** Creates the head of the page. */
export function headView(app: App): View {
  const legend = element("ul", { class: "legend", "aria-label": "Categories" });
  const selected = element("p", { class: "selection", role: "status" });
  const view = element("header", {}, ...facts(app), legend, selected);
  return {
    element: view,
    render() {
      replaceContent(legend, ...categories(app));
      selected.textContent = selectionText(app);
    },
  };
}

function facts({ model: { profile } }: App): HTMLElement[] {
  const { title, command, host, startDate, event, lost, hints } = profile.data;
  const { start, end } = timesOf(profile);
  const parts = [
    ...startDate === undefined ? [] : [dateText(startDate)],
    ...host === undefined ? [] : [`on ${host}`],
    `${seconds(end - start, 1)} s`,
    `${countText(profile.samples.count, "sample")} of ${event}`,
    ...lost === 0 ? [] : [`${countText(lost, "record")} lost`],
  ];
  return [
    element("h1", {}, title),
    ...command === undefined
      ? []
      : [element("p", { class: "command" }, element("code", {}, command))],
    element("p", { class: "facts" }, parts.join(" · ")),
    ...hints.length === 0 ? [] : [
      element(
        "details",
        { class: "hints" },
        element("summary", {}, countText(hints.length, "hint")),
        element("ul", {}, ...hints.map((hint) => element("li", {}, hint))),
      ),
    ],
  ];
}

function categories({ model }: App): HTMLElement[] {
  const weights = new Map<string, number>();
  for (const { frame, self } of model.rows) {
    const { category } = model.profile.frames[frame];
    weights.set(category, (weights.get(category) ?? 0) + self);
  }
  return CATEGORIES.filter((category) => weights.has(category)).map(
    (category) =>
      element(
        "li",
        {},
        swatch(category),
        `${NAMES[category] ?? category} ${
          percent(weights.get(category)!, model.whole.weight)
        }`,
      ),
  );
}

function selectionText({ model }: App): string {
  const { samples, weight } = model.whole;
  const { count } = model.profile.samples;
  const { unit, event } = model.profile.data;
  const text = weightWithUnit(weight, unit, event);
  return samples === count
    ? `All ${countText(samples, "sample")}, ${text}`
    : `${countText(samples, "sample")} of ${
      count.toLocaleString("en")
    } selected, ${text}`;
}
