/// <reference lib="dom" />
/**
 * A button that selects a function.
 *
 * @module
 */

import type { App } from "./app.ts";
import { button, element, swatch } from "./dom.ts";

/** Creates a button with the name of a function, which selects it. */
export function functionButton(
  app: App,
  frame: number,
  isCurrent = false,
): HTMLButtonElement {
  const { name, category } = app.model.profile.frames[frame];
  const created = button("", () => app.change({ selected: frame }), {
    class: "function",
    "data-key": frame,
    "aria-current": isCurrent ? "true" : undefined,
    title: `${name} (${category})`,
  });
  created.append(
    swatch(category),
    element("span", { class: "text" }, name),
    element("span", { class: "hidden" }, ` (${category})`),
  );
  return created;
}
