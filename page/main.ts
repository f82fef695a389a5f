/// <reference lib="dom" />
/**
 * The script of a page.
 *
 * @module
 */

import type { App, View } from "./app.ts";
import { codeView } from "./code_view.ts";
import { element } from "./dom.ts";
import { filterView } from "./filter_view.ts";
import { functionView } from "./function_view.ts";
import { graphView } from "./graph_view.ts";
import { headView } from "./head_view.ts";
import { Model } from "./model.ts";
import { profileOf } from "./profile.ts";
import { fromFragment, toFragment } from "./state.ts";
import { tableView } from "./table_view.ts";
import { timeView } from "./time_view.ts";

const KEYS =
  "/ searches, Enter and Shift+Enter go to the next and the previous function, Escape resets the zoom. In the graph, arrows move and Enter zooms.";

const text = document.getElementById("data")!.textContent;
const model = new Model(profileOf(JSON.parse(text)));
const views: View[] = [];

const readFragment = () => {
  model.state = fromFragment(location.hash, model.profile.frames.length);
};

const render = () => views.forEach((view) => view.render());

const app: App = {
  model,
  change(change, entry = "push") {
    model.state = { ...model.state, ...change };
    const fragment = `#${toFragment(model.state)}`;
    if (fragment !== location.hash) {
      if (entry === "push") history.pushState(null, "", fragment);
      else history.replaceState(null, "", fragment);
    }
    render();
  },
};

readFragment();
const graph = graphView(app);
const filters = filterView(app, (frame) => graph.reveal(frame));
const [head, time, table, selected, code] = [
  ...[headView(app), timeView(app), tableView(app)],
  ...[functionView(app), codeView(app)],
];
// Samples of two recordings have no common time.
const isCompared = model.profile.data.comparison !== undefined;
const parts = [...isCompared ? [] : [time], filters, graph];
views.push(head, ...parts, table, selected, code);
document.body.append(
  head.element,
  element(
    "main",
    {},
    ...parts.map((view) => view.element),
    element("div", { class: "columns" }, table.element, selected.element),
    code.element,
  ),
  element("footer", { id: "keys" }, KEYS),
);
render();

addEventListener("popstate", () => {
  readFragment();
  render();
});
document.addEventListener("keydown", (event) => {
  const isTyping = event.target instanceof HTMLInputElement;
  if (event.key === "Escape" && !isTyping) app.change({ zoom: [] });
  else if (event.key === "/" && !isTyping) {
    document.getElementById("search")!.focus();
    event.preventDefault();
  }
});
