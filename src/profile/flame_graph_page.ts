/**
 * The style and the script of a flame graph's page.
 *
 * @module
 */

/** The style, light and dark; colors are by category of code. */
export const FLAME_GRAPH_STYLE = `
:root {
  color-scheme: light dark;
  --jitted: light-dark(#ff9d57, #b85c1c);
  --javascript: light-dark(#f2d64b, #8a7712);
  --native: light-dark(#8ec5f5, #2a6496);
  --kernel: light-dark(#d3a6e8, #6f4288);
  --unknown: light-dark(#c9c9c9, #565656);
  --process: light-dark(#e6e6e6, #3c3c3c);
}
body { margin: 1rem; font: 14px system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: center; }
h1 { font-size: 1.1rem; margin: 0; width: 100%; }
input { font: inherit; width: 18rem; }
ul { display: flex; gap: 1rem; list-style: none; margin: 0; padding: 0; }
li::before { content: ""; display: inline-block; width: .9em; height: .9em;
  margin-right: .3em; vertical-align: -.1em; border-radius: 2px; background: var(--color); }
main { position: relative; margin: 1rem 0; }
main button { position: absolute; height: 19px; padding: 0 4px; border: 0; border-radius: 2px;
  font: 12px/19px ui-monospace, monospace; text-align: left; white-space: nowrap;
  overflow: hidden; text-overflow: ellipsis; color: light-dark(#000, #fff); cursor: pointer;
  background: var(--color); }
main button:hover, main button:focus-visible { outline: 2px solid; z-index: 1; }
main button.around { opacity: .55; }
main.searching button:not(.found) { opacity: .4; }
main button.found { outline: 1.5px solid light-dark(#c00, #f66); }
aside { position: fixed; max-width: 40rem; padding: .4rem .6rem; border-radius: 4px;
  pointer-events: none; z-index: 2; background: light-dark(#222, #eee);
  color: light-dark(#fff, #000); overflow-wrap: anywhere; }
footer { opacity: .7; }
`;

/**
 * Draws `profile`: each call is a button whose width is its share of the zoomed call. Calls
 * narrower than a pixel are not drawn until they are zoomed.
 */
export const FLAME_GRAPH_SCRIPT = `
"use strict";
const ROW = 20, NARROWEST = 1;
const find = (selector) => document.querySelector(selector);
const main = find("main"), tip = find("aside"), search = find("input");
const resetZoom = find("header button"), output = find("output");
const CATEGORIES = {
  jitted: "jitted", javascript: "JavaScript", native: "native", kernel: "kernel", unknown: "unknown",
};

// Nothing here recurses: a chain can be deeper than the browser's stack.
const all = [], chain = [];
for (const [depth, name, category, where, weight] of profile.calls) {
  const call = { depth, name, category, where, weight, caller: chain[depth - 1], calls: [] };
  if (call.caller) call.caller.calls.push(call);
  chain[depth] = call;
  all.push(call);
}
const root = all[0];
let zoomed = root;

const share = (call) => (100 * call.weight / (root.weight || 1)).toFixed(2) + " %";

const used = new Set(all.map(({ category }) => category));
for (const [category, name] of Object.entries(CATEGORIES)) {
  if (!used.has(category)) continue;
  const item = document.createElement("li");
  item.textContent = name;
  item.style.setProperty("--color", "var(--" + category + ")");
  find("ul").append(item);
}

function draw() {
  const width = main.clientWidth, buttons = [];
  let rows = 0;
  const place = (call, left, size, row, isAround) => {
    rows = Math.max(rows, row + 1);
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = size > 25 ? call.name : "";
    button.setAttribute("aria-label", call.name + ", " + share(call));
    button.style.cssText = "left:" + left + "px;top:" + row * ROW + "px;width:" + (size - 1) + "px";
    button.style.setProperty("--color", "var(--" + call.category + ")");
    if (size <= 25) button.style.padding = "0";
    if (isAround) button.className = "around";
    button.call = call;
    buttons.push(button);
  };
  const around = [];
  for (let call = zoomed.caller; call; call = call.caller) around.push(call);
  around.reverse().forEach((call, row) => place(call, 0, width, row, true));
  const waiting = [[zoomed, 0, width, around.length]];
  while (waiting.length > 0) {
    const [call, left, size, row] = waiting.pop();
    place(call, left, size, row, false);
    let at = left;
    const inside = [];
    for (const inner of call.calls) {
      const innerSize = size * inner.weight / call.weight;
      if (innerSize >= NARROWEST) inside.push([inner, at, innerSize, row + 1]);
      at += innerSize;
    }
    waiting.push(...inside.reverse());
  }
  main.replaceChildren(...buttons);
  main.style.height = rows * ROW + "px";
  resetZoom.disabled = zoomed === root;
  mark();
}

/** Marks the matches of a search, and shows their share; nested matches count once. */
function mark() {
  const wanted = search.value.toLowerCase();
  main.classList.toggle("searching", wanted !== "");
  const has = (text) => text.toLowerCase().includes(wanted);
  const matches = (call) => wanted !== "" && (has(call.name) || has(call.where));
  for (const button of main.children) button.classList.toggle("found", matches(button.call));
  let weight = 0;
  // Calls follow their callers: those deeper than a match are within it.
  let within = Infinity;
  for (const call of all) {
    if (call.depth > within) continue;
    within = Infinity;
    if (!matches(call)) continue;
    weight += call.weight;
    within = call.depth;
  }
  output.textContent = wanted
    ? share({ weight }) + " match"
    : profile.samples.toLocaleString("en") + " samples of " + profile.event;
}

function zoom(call) { zoomed = call; tip.hidden = true; draw(); }

function show(event) {
  const call = event.target.call;
  tip.hidden = !call;
  if (!call) return;
  tip.replaceChildren();
  for (const text of [call.name, share(call) + (CATEGORIES[call.category] ? ", " + CATEGORIES[call.category] : ""), call.where]) {
    if (!text) continue;
    const line = document.createElement("div");
    line.textContent = text;
    tip.append(line);
  }
  const box = event.target.getBoundingClientRect();
  const x = event.clientX || box.left, y = event.clientY || box.bottom;
  tip.style.left = Math.max(0, Math.min(x + 12, innerWidth - tip.offsetWidth - 8)) + "px";
  tip.style.top = Math.max(0, Math.min(y + 16, innerHeight - tip.offsetHeight - 8)) + "px";
}

main.addEventListener("click", (event) => event.target.call && zoom(event.target.call));
main.addEventListener("mousemove", show);
main.addEventListener("focusin", show);
main.addEventListener("mouseleave", () => tip.hidden = true);
resetZoom.addEventListener("click", () => zoom(root));
search.addEventListener("input", mark);
addEventListener("keydown", ({ key }) => key === "Escape" && zoom(root));
addEventListener("resize", draw);
draw();
`;
