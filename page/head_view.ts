/// <reference lib="dom" />
/**
 * The head of a page: facts about the recording, and the shares of categories.
 *
 * @module
 */

import type { PageComparison, PageData } from "../src/profile/page_format.ts";
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
import type { Profile } from "./profile.ts";

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
      const { comparison } = app.model.profile.data;
      replaceContent(legend, ...comparison ? changes() : categories(app));
      selected.textContent = comparison ? "" : selectionText(app);
    },
  };
}

function facts({ model: { profile } }: App): HTMLElement[] {
  const { title, hints, comparison } = profile.data;
  return [
    element("h1", {}, title),
    ...comparison
      ? comparedFacts(comparison, profile.data)
      : recordedFacts(profile),
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

/** Returns the command, and the facts of the recording. */
function recordedFacts({ data, samples }: Profile): HTMLElement[] {
  const { command, event, lost } = data;
  const { start, end } = timesOf({ samples });
  return [
    ...commandOf(command),
    factsOf([
      ...placeOf(data),
      `${seconds(end - start, 1)} s`,
      `${countText(samples.count, "sample")} of ${event}`,
      ...lost === 0 ? [] : [`${countText(lost, "record")} lost`],
    ]),
  ];
}

/** Returns the facts of two recordings, and the changes that can be due to chance. */
function comparedFacts(
  { recordings, chance }: PageComparison,
  { unit, event }: PageData,
): HTMLElement[] {
  return [
    ...recordings.flatMap((recording, i) => [
      factsOf([
        `${i === 0 ? "Before" : "After"}: ${recording.name}`,
        ...placeOf(recording),
        `${countText(recording.samples, "sample")} of ${event}`,
        weightWithUnit(recording.weight, unit, event),
      ]),
      ...commandOf(recording.command),
    ]),
    factsOf([
      `Changes are in percentage points; below ${
        (100 * chance).toFixed(2)
      } they can be due to chance`,
    ]),
  ];
}

const factsOf = (parts: readonly string[]) =>
  element("p", { class: "facts" }, parts.join(" · "));

const commandOf = (command: string | undefined) =>
  command === undefined
    ? []
    : [element("p", { class: "command" }, element("code", {}, command))];

const placeOf = ({ startDate, host }: Pick<PageData, "startDate" | "host">) => [
  ...startDate === undefined ? [] : [dateText(startDate)],
  ...host === undefined ? [] : [`on ${host}`],
];

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

/** Returns the legend of a differential flame graph. */
function changes(): HTMLElement[] {
  return [
    element("li", {}, swatch("grown"), "greater share after"),
    element("li", {}, swatch("shrunk"), "smaller share after"),
    element("li", {}, swatch("process"), "change that can be due to chance"),
  ];
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
