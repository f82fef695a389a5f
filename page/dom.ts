/// <reference lib="dom" />
/**
 * Creation of elements.
 *
 * @module
 */

type Content = Node | string;

/** Attributes and content of an element. */
interface Properties {
  readonly [attribute: string]: string | number | boolean | undefined;
}

/** Creates an element. An attribute that is undefined or false is not set. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Properties = {},
  ...content: readonly Content[]
): HTMLElementTagNameMap[Name] {
  const created = document.createElement(name);
  for (const [attribute, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    created.setAttribute(attribute, value === true ? "" : String(value));
  }
  created.append(...content);
  return created;
}

/** Creates a button. */
export function button(
  text: string,
  onClick: () => void,
  properties: Properties = {},
): HTMLButtonElement {
  const created = element("button", { type: "button", ...properties }, text);
  created.addEventListener("click", onClick);
  return created;
}

/** Creates a small square in the color of a category. */
export function swatch(category: string): HTMLElement {
  return element("span", {
    class: `swatch ${category}`,
    "aria-hidden": "true",
  });
}

/**
 * Replaces the content of an element. The focus stays at the element with the same
 * `data-key`, if it was in the content.
 */
export function replaceContent(
  parent: HTMLElement,
  ...content: readonly Content[]
): void {
  const { activeElement } = document;
  const key = activeElement && parent.contains(activeElement)
    ? activeElement.getAttribute("data-key")
    : null;
  parent.replaceChildren(...content);
  if (key === null) return;
  parent.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`)
    ?.focus({ preventScroll: true });
}

/** A canvas with the size of its element, in physical pixels. */
export function drawing(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
): CanvasRenderingContext2D {
  const scale = devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d")!;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  return context;
}

/** Element whose color is read, because a CSS property may have a color for each scheme. */
const probe = element("span", { class: "hidden", "aria-hidden": "true" });

/** Returns a color of the style, as `--jitted`, in the current scheme. */
export function colorOf(name: string): string {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}

/** The font of function names. */
export function codeFont(): string {
  return getComputedStyle(document.documentElement)
    .getPropertyValue("--code-font").trim();
}

/** Calls a function when the browser switches between the light and the dark scheme. */
export function onSchemeChange(callback: () => void): void {
  matchMedia("(prefers-color-scheme: dark)").addEventListener(
    "change",
    callback,
  );
}
