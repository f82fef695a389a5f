/// <reference lib="dom" />
/**
 * What the views of a page share.
 *
 * @module
 */

import type { Model } from "./model.ts";
import type { State } from "./state.ts";

/** How the browser's history gets a state: as a new entry, or in place of the current one. */
export type Entry = "push" | "replace";

/** The page, as its views know it. */
export interface App {
  readonly model: Model;
  /** Changes the state, and renders all views. */
  change(change: Partial<State>, entry?: Entry): void;
}

/** A part of the page. */
export interface View {
  readonly element: HTMLElement;
  /** Shows the current state. */
  render(): void;
}
