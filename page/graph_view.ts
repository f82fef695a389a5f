/// <reference lib="dom" />
/**
 * The flame graph. It is drawn on a canvas. A tree with one item, the current call, describes
 * it to a screen reader.
 *
 * @module
 */

import type { App, View } from "./app.ts";
import { type Call, callAt, pathOf } from "./calls.ts";
import {
  button,
  codeFont,
  colorOf,
  drawing,
  element,
  onSchemeChange,
  replaceContent,
} from "./dom.ts";
import { amountText, countText, sharesText } from "./format.ts";
import { CATEGORIES } from "./histogram.ts";
import { type Box, boxAt, layOut } from "./layout.ts";
import type { Direction } from "./state.ts";

/** Height of a row in pixels. */
const ROW = 20;

/** Space on both sides of a box's text. */
const PADDING = 4;

const DIRECTIONS: readonly [Direction, string][] = [
  ["callees", "Flame graph"],
  ["callers", "Inverted"],
];

/** Creates the flame graph. */
export function graphView(app: App): GraphView {
  return new GraphView(app);
}

export class GraphView implements View {
  readonly element: HTMLElement;
  readonly #app: App;
  readonly #canvas = element("canvas", { "aria-hidden": "true" });
  readonly #space = element("div", { class: "space" }, this.#canvas);
  readonly #item = element("div", {
    role: "treeitem",
    id: "call",
    class: "hidden",
  });
  readonly #tree = element(
    "div",
    {
      role: "tree",
      class: "graph",
      tabindex: 0,
      "aria-activedescendant": "call",
      "aria-describedby": "keys",
    },
    this.#item,
    this.#space,
  );
  readonly #tip = element("div", { class: "tip", "aria-hidden": "true" });
  readonly #buttons = element("div", { class: "bar" });
  #rows: Box[][] = [];
  /** The path of the call with the keyboard's cursor. */
  #cursor: Box | undefined;
  #hovered: Box | undefined;
  #root: Call | undefined;
  #characterWidth = 0;

  constructor(app: App) {
    this.#app = app;
    this.#tip.hidden = true;
    this.element = element(
      "section",
      { "aria-labelledby": "graph-title" },
      element("h2", { id: "graph-title", class: "hidden" }, "Flame graph"),
      this.#buttons,
      this.#tree,
      this.#tip,
    );
    this.#listen();
  }

  render(): void {
    const { root } = this.#app.model;
    this.#renderButtons();
    const inverted = this.#app.model.state.direction === "callers";
    this.#tree.setAttribute(
      "aria-label",
      inverted ? "Functions and their callers" : "Calls",
    );
    if (root !== this.#root) {
      this.#root = root;
      this.#hovered = undefined;
      this.#tip.hidden = true;
    }
    this.#layOut();
  }

  /** Moves the cursor to the widest call of a function, if it is drawn. */
  reveal(frame: number): void {
    let widest: Box | undefined;
    for (const row of this.#rows) {
      for (const box of row) {
        if (box.isAround || box.rest > 0) continue;
        if (box.call.frame !== frame) continue;
        if (!widest || box.width > widest.width) widest = box;
      }
    }
    if (widest) this.#moveTo(widest, false);
  }

  #renderButtons(): void {
    const { model } = this.#app;
    const { direction, focus, zoom } = model.state;
    const directions = DIRECTIONS.map(([value, text]) =>
      button(text, () => this.#app.change({ direction: value, zoom: [] }), {
        "data-key": value,
        "aria-pressed": String(value === direction),
      })
    );
    const content: HTMLElement[] = [
      element(
        "div",
        { class: "choice", role: "group", "aria-label": "Kind of graph" },
        ...directions,
      ),
      button("Reset zoom", () => this.#zoom(model.root), {
        "data-key": "reset",
        "aria-disabled": String(zoom.length === 0),
      }),
    ];
    const { recording } = model;
    if (recording !== undefined) {
      const choices = ["Widths before", "Widths after"].map((text, index) =>
        button(text, () => this.#app.change({ recording: index }), {
          "data-key": text,
          "aria-pressed": String(index === recording),
        })
      );
      content.splice(
        1,
        0,
        element(
          "div",
          { class: "choice", role: "group", "aria-label": "Widths" },
          ...choices,
        ),
      );
    }
    if (focus !== undefined) {
      const { name } = model.profile.frames[focus];
      content.push(
        button(
          `Only ${direction} of ${name} ×`,
          () => this.#app.change({ focus: undefined, zoom: [] }),
          {
            class: "focus",
            "data-key": "focus",
            "aria-label": `Show all instead of only ${direction} of ${name}`,
          },
        ),
      );
    }
    replaceContent(this.#buttons, ...content);
  }

  #listen(): void {
    const tree = this.#tree;
    this.#canvas.addEventListener("click", ({ offsetX, offsetY }) => {
      const box = this.#boxAt(offsetX, offsetY);
      if (box) this.#zoom(box.call);
    });
    this.#canvas.addEventListener("mousemove", (event) => {
      const { offsetX, offsetY, clientX, clientY } = event;
      this.#hover(this.#boxAt(offsetX, offsetY), clientX, clientY);
    });
    this.#canvas.addEventListener("mouseleave", () => this.#hover(undefined));
    tree.addEventListener("scroll", () => this.#draw());
    tree.addEventListener("keydown", (event) => this.#onKey(event));
    tree.addEventListener("focus", () => {
      if (tree.matches(":focus-visible")) this.#showCursor();
    });
    tree.addEventListener("blur", () => this.#hover(undefined));
    new ResizeObserver(() => this.#layOut()).observe(tree);
    onSchemeChange(() => this.#draw());
  }

  #boxAt(x: number, y: number): Box | undefined {
    const row = Math.floor((y + this.#tree.scrollTop) / ROW);
    return boxAt(this.#rows[row] ?? [], x);
  }

  #zoom(call: Call): void {
    this.#tip.hidden = true;
    this.#hovered = undefined;
    this.#app.change(this.#app.model.zoomedTo(call));
    const row = pathOf(call).length;
    const box = this.#rows[row]?.[0];
    if (box) this.#moveTo(box, false);
  }

  #layOut(): void {
    if (!this.#root) return;
    const { model } = this.#app;
    const width = this.#tree.clientWidth;
    const cursor = this.#cursor &&
      callAt(model.root, pathOf(this.#cursor.call));
    this.#rows = layOut(model.zoomed, width);
    this.#space.style.height = `${this.#rows.length * ROW}px`;
    const boxes = this.#rows.flat();
    const zoomedRow = pathOf(model.zoomed).length;
    this.#cursor =
      boxes.find(({ call, rest }) => rest === 0 && call === cursor) ??
        this.#rows[zoomedRow]?.[0];
    this.#describe();
    this.#draw();
  }

  #draw(): void {
    const tree = this.#tree;
    const { clientWidth: width, clientHeight: height, scrollTop } = tree;
    const context = drawing(this.#canvas, width, height);
    context.font = codeFont();
    context.textBaseline = "middle";
    this.#characterWidth ||= context.measureText("m").width || 7;
    const painter = this.#painter(context);
    const first = Math.floor(scrollTop / ROW);
    const last = Math.ceil((scrollTop + height) / ROW);
    for (let row = first; row < last; row++) {
      for (const box of this.#rows[row] ?? []) {
        painter(box, row * ROW - scrollTop);
      }
    }
  }

  /** Returns a function that paints boxes. */
  #painter(context: CanvasRenderingContext2D) {
    const { model } = this.#app;
    const { frames } = model.profile;
    const { hits, state } = model;
    const fills = new Map(
      [...CATEGORIES, "process"].map((category) =>
        [category as string, colorOf(`--${category}`)] as const
      ),
    );
    const text = colorOf("--box-text");
    const found = colorOf("--found");
    const strong = colorOf("--strong");
    const shade = colorOf("--shade");
    const change = this.#changePainter();
    const isFocused = this.#tree.matches(":focus-visible");
    return ({ call, left, width, isAround, rest }: Box, top: number) => {
      if (rest > 0) {
        context.fillStyle = shade;
        context.fillRect(left, top, width - 1, ROW - 1);
        return;
      }
      const { name, category, index } = frames[call.frame];
      const matches = hits?.matches[index] ?? false;
      const right = left + width;
      // A gap of one pixel; a narrow box keeps half a pixel.
      const size = Math.max(right - left - 1, 0.5);
      const isDimmed = hits ? !matches : isAround;
      context.globalAlpha = isDimmed ? 0.45 : 1;
      context.fillStyle = fills.get(change ? "process" : category)!;
      context.fillRect(left, top, size, ROW - 1);
      if (change) {
        const { color, strength } = change(call);
        context.globalAlpha *= strength;
        context.fillStyle = color;
        context.fillRect(left, top, size, ROW - 1);
        context.globalAlpha = isDimmed ? 0.45 : 1;
      }
      // Neighbors of one category differ a little in color.
      if (index % 2 === 1 && category !== "process") {
        context.fillStyle = shade;
        context.fillRect(left, top, size, ROW - 1);
      }
      context.globalAlpha = isDimmed ? 0.75 : 1;
      const space = size - 2 * PADDING;
      const characters = Math.floor(space / this.#characterWidth);
      if (characters >= 3) {
        context.fillStyle = text;
        const shown = name.length > characters
          ? `${name.slice(0, characters - 1)}…`
          : name;
        context.fillText(shown, left + PADDING, top + ROW / 2);
      }
      context.globalAlpha = 1;
      const outline = (color: string, thickness: number) => {
        context.strokeStyle = color;
        context.lineWidth = thickness;
        const half = thickness / 2;
        context.strokeRect(
          left + half,
          top + half,
          Math.max(size - thickness, 0.5),
          ROW - 1 - thickness,
        );
      };
      if (matches) outline(found, 1.5);
      if (index === state.selected && size > 2) outline(strong, 1.5);
      const isCursor = isFocused && call === this.#cursor?.call;
      const hovered = this.#hovered?.rest === 0 && this.#hovered.call;
      if (isCursor || call === hovered) outline(strong, 2.5);
    };
  }

  /** Returns a painter of calls by their change, if the page compares two recordings. */
  #changePainter() {
    const { model } = this.#app;
    const { comparison } = model.profile.data;
    if (!comparison) return undefined;
    const { chance } = comparison;
    const [grown, shrunk] = [colorOf("--grown"), colorOf("--shrunk")];
    return ({ weight, otherWeight }: Call) => {
      const { change } = model.shares(weight, otherWeight);
      const size = Math.abs(change);
      return {
        color: change > 0 ? grown : shrunk,
        strength: size < chance ? 0 : Math.min(1, 0.3 + 7 * size),
      };
    };
  }

  #hover(box: Box | undefined, x = 0, y = 0): void {
    if (
      box?.call !== this.#hovered?.call || box?.rest !== this.#hovered?.rest
    ) {
      this.#hovered = box;
      if (box) this.#fillTip(box);
      this.#draw();
    }
    this.#tip.hidden = box === undefined;
    if (box) this.#placeTip(x + 12, y + 16);
  }

  #fillTip({ call, rest }: Box): void {
    const texts = rest > 0
      ? [`${countText(rest, "call")} too narrow to be drawn; a click zooms`]
      : this.#textsOf(call);
    this.#tip.replaceChildren(
      ...texts.map((text) => element("div", {}, text)),
    );
  }

  #placeTip(x: number, y: number): void {
    const { offsetWidth, offsetHeight, style } = this.#tip;
    const left = Math.min(x, innerWidth - offsetWidth - 8);
    // Below the pointer, or above it if there is no space.
    const top = y + offsetHeight + 8 > innerHeight ? y - offsetHeight - 32 : y;
    style.left = `${Math.max(8, left)}px`;
    style.top = `${Math.max(8, top)}px`;
  }

  /** Returns the lines of text about a call. */
  #textsOf(call: Call): string[] {
    const { model } = this.#app;
    const { name, category, dso } = model.profile.frames[call.frame];
    const { unit, event } = model.profile.data;
    const where = model.hottestLine(call.frame) || dso;
    return [
      name,
      amountText(call, model.whole, call.outer, unit, event),
      ...this.#changeOf(call),
      ...category === "process"
        ? []
        : [where ? `${category}, ${where}` : category],
    ];
  }

  /** Returns the shares before and after, if the page compares two recordings. */
  #changeOf({ weight, otherWeight }: Call): string[] {
    const { model } = this.#app;
    if (model.recording === undefined) return [];
    return [sharesText(model.shares(weight, otherWeight))];
  }

  #onKey(event: KeyboardEvent): void {
    const box = this.#cursor;
    if (!box || event.ctrlKey || event.altKey || event.metaKey) return;
    const row = this.#rows[box.row].filter(({ rest }) => rest === 0);
    const at = row.indexOf(box);
    const target: Record<string, () => Box | undefined> = {
      ArrowUp: () => this.#around(box),
      ArrowDown: () =>
        this.#rows[box.row + 1]?.find(({ call }) => call.outer === box.call),
      ArrowLeft: () => row[at - 1],
      ArrowRight: () => row[at + 1],
      Home: () => this.#rows[0][0],
    };
    if (event.key === "Enter" || event.key === " ") this.#zoom(box.call);
    else if (event.key in target) {
      const next = target[event.key]();
      if (next) this.#moveTo(next, true);
    } else return;
    event.preventDefault();
  }

  /** Returns the box of the call around another. */
  #around(box: Box): Box | undefined {
    return this.#rows[box.row - 1]?.find(({ call }) => call === box.call.outer);
  }

  #moveTo(box: Box, showsTip: boolean): void {
    this.#cursor = box;
    const tree = this.#tree;
    const top = box.row * ROW;
    if (top < tree.scrollTop) tree.scrollTop = top;
    if (top + ROW > tree.scrollTop + tree.clientHeight) {
      tree.scrollTop = top + ROW - tree.clientHeight;
    }
    this.#describe();
    this.#draw();
    if (showsTip) this.#showCursor();
  }

  /** Shows the text about the current call next to it. */
  #showCursor(): void {
    const box = this.#cursor;
    if (!box) return;
    this.#fillTip(box);
    this.#tip.hidden = false;
    const { left, top } = this.#tree.getBoundingClientRect();
    const below = top + (box.row + 1) * ROW - this.#tree.scrollTop + 6;
    this.#placeTip(left + box.left, below);
    this.#draw();
  }

  /** Describes the current call for a screen reader. */
  #describe(): void {
    const box = this.#cursor;
    if (!box) return;
    const { call, row } = box;
    const siblings = call.outer?.inner ?? [call];
    const attributes = {
      "aria-level": row + 1,
      "aria-setsize": siblings.length,
      "aria-posinset": siblings.indexOf(call) + 1,
      "aria-expanded": call.inner.length > 0,
      "aria-selected": call === this.#app.model.zoomed,
    };
    for (const [name, value] of Object.entries(attributes)) {
      this.#item.setAttribute(name, String(value));
    }
    this.#item.textContent = this.#textsOf(call).join("; ");
  }
}
