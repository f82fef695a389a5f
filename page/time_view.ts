/// <reference lib="dom" />
/**
 * The samples over time, and the selection of a time range.
 *
 * @module
 */

import type { App, View } from "./app.ts";
import { button, colorOf, drawing, element, onSchemeChange } from "./dom.ts";
import { countText, seconds } from "./format.ts";
import { CATEGORIES, timesOf } from "./histogram.ts";

const HEIGHT = 56;

/** Width of a bar with its gap, in pixels. */
const BAR = 4;

/** Number of pixels below which a drag is a click. */
const SMALLEST_DRAG = 4;

/** Creates the histogram with its time range. */
export function timeView(app: App): View {
  return new TimeView(app);
}

class TimeView implements View {
  readonly element: HTMLElement;
  readonly #app: App;
  readonly #canvas = element("canvas", { role: "img" });
  readonly #range = element("div", { class: "range" });
  readonly #plot = element("div", { class: "plot" }, this.#canvas, this.#range);
  readonly #axis = element("div", { class: "axis", "aria-hidden": "true" });
  readonly #since = this.#input("Time from, in seconds");
  readonly #until = this.#input("Time to, in seconds");
  readonly #reset: HTMLButtonElement;
  #dragStart: number | undefined;

  constructor(app: App) {
    this.#app = app;
    this.#reset = button(
      "Whole time",
      () => app.change({ since: undefined, until: undefined }),
    );
    this.element = element(
      "section",
      { "aria-labelledby": "time-title", class: "time" },
      element(
        "div",
        { class: "bar" },
        element("h2", { id: "time-title" }, "Samples over time"),
        element(
          "span",
          { class: "times" },
          element("label", {}, "from ", this.#since),
          element("label", {}, "to ", this.#until, " s"),
          this.#reset,
        ),
      ),
      this.#plot,
      this.#axis,
    );
    this.#listen();
  }

  render(): void {
    const { state } = this.#app.model;
    const { start, end } = this.#times;
    const { since = start, until = end } = state;
    this.#since.value = seconds(since);
    this.#until.value = seconds(until);
    const isWhole = state.since === undefined && state.until === undefined;
    this.#reset.setAttribute("aria-disabled", String(isWhole));
    this.#showRange(since, until, isWhole);
    this.#draw();
  }

  #input(label: string): HTMLInputElement {
    const created = element("input", {
      type: "number",
      step: "0.001",
      min: 0,
      "aria-label": label,
    });
    created.addEventListener("change", () => this.#applyInputs());
    return created;
  }

  #applyInputs(): void {
    const { start, end } = this.#times;
    const [since, until] = [this.#since, this.#until].map(
      ({ value }) => Math.round(1e9 * Number(value)),
    );
    const isFirst = this.#since.value === seconds(start);
    const isLast = this.#until.value === seconds(end);
    this.#select(isFirst ? start : since, isLast ? end : until);
  }

  /** Selects the range between two times, unless it is empty. */
  #select(one: number, other: number): void {
    const { start, end } = this.#times;
    const since = Math.max(start, Math.min(one, other));
    const until = Math.min(end, Math.max(one, other));
    if (since >= until) return this.render();
    this.#app.change({
      since: since === start ? undefined : since,
      until: until === end ? undefined : until,
    });
  }

  get #times() {
    return timesOf(this.#app.model.profile);
  }

  #listen(): void {
    const plot = this.#plot;
    const drag = (x: number, act: (from: number, to: number) => void) => {
      if (this.#dragStart === undefined) return;
      act(this.#dragStart, x);
    };
    plot.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      plot.setPointerCapture(event.pointerId);
      this.#dragStart = this.#xOf(event);
      event.preventDefault();
    });
    plot.addEventListener(
      "pointermove",
      (event) =>
        drag(this.#xOf(event), (from, to) => {
          const [low, high] = [Math.min(from, to), Math.max(from, to)];
          this.#showRange(this.#timeAt(low), this.#timeAt(high), false);
        }),
    );
    plot.addEventListener("pointerup", (event) => {
      drag(this.#xOf(event), (from, to) => {
        this.#dragStart = undefined;
        if (Math.abs(to - from) < SMALLEST_DRAG) return this.render();
        this.#select(this.#timeAt(from), this.#timeAt(to));
      });
    });
    plot.addEventListener("pointercancel", () => {
      this.#dragStart = undefined;
      this.render();
    });
    plot.addEventListener("dblclick", () => this.#reset.click());
    new ResizeObserver(() => this.render()).observe(plot);
    onSchemeChange(() => this.#draw());
  }

  /** Returns the position of an event in the plot. */
  #xOf({ clientX }: MouseEvent): number {
    const { left, width } = this.#plot.getBoundingClientRect();
    return Math.min(Math.max(clientX - left, 0), width);
  }

  #timeAt(x: number): number {
    const { start, end } = this.#times;
    const share = x / (this.#plot.clientWidth || 1);
    return Math.round(start + share * (end - start));
  }

  #showRange(since: number, until: number, isWhole: boolean): void {
    const { start, end } = this.#times;
    const place = (time: number) => 100 * (time - start) / (end - start);
    this.#range.hidden = isWhole;
    this.#range.style.left = `${place(since)}%`;
    this.#range.style.width = `${place(until) - place(since)}%`;
  }

  #draw(): void {
    const { model } = this.#app;
    const width = this.#plot.clientWidth;
    if (width === 0) return;
    const context = drawing(this.#canvas, width, HEIGHT);
    const bars = Math.max(1, Math.floor(width / BAR));
    const histogram = model.histogram(bars);
    const { bins, start, end, highest } = histogram;
    const scale = (HEIGHT - 2) / (highest || 1);
    const tops = new Float64Array(bars).fill(HEIGHT);
    for (const [i, category] of CATEGORIES.entries()) {
      context.fillStyle = colorOf(`--${category}`);
      for (let bar = 0; bar < bars; bar++) {
        const height = bins[i][bar] * scale;
        tops[bar] -= height;
        const left = bar * width / bars;
        context.fillRect(left, tops[bar], width / bars - 1, height);
      }
    }
    const { samples } = model.whole;
    this.#canvas.setAttribute(
      "aria-label",
      `${countText(samples, "sample")} selected, of ${seconds(start)} to ${
        seconds(end)
      } s`,
    );
    this.#axis.replaceChildren(
      ...[0, 0.25, 0.5, 0.75, 1].map((share) =>
        element("span", {}, `${seconds(start + share * (end - start), 2)} s`)
      ),
    );
  }
}
