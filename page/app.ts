/// <reference lib="dom" />
/**
 * The interface between a page and its views.
 *
 * @module
 */

import type { Model } from "./model.ts";
import type { State } from "./state.ts";

/** Way of adding a state to the browser's history: a new entry, or the current one replaced. */
export type Entry = "push" | "replace";

/** The page, as its views use it. */
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
