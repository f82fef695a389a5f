/**
 * A profile as a page: a flame graph in one self-contained file.
 *
 * @module
 */

import { NO_NODE } from "./call_tree.ts";
import { FLAME_GRAPH_SCRIPT, FLAME_GRAPH_STYLE } from "./flame_graph_page.ts";
import { mergeTree } from "./merged_tree.ts";
import {
  type Category,
  type FrameSymbol,
  functionKey,
} from "./frame_symbol.ts";
import type { Profile } from "./profile.ts";

/** Smallest share of a call on the page, so that it stays small. */
const NARROWEST = 1 / 50_000;

/**
 * A call as the page's script reads it: `[depth, name, category, where, weight]`. A call is
 * followed by what it called. A list has no limit of depth, as nested arrays would.
 */
type PageCall = [number, string, Category | "process", string, number];

/** Returns the line with the greatest weight of each node, or an empty string. */
function hottestLines(
  { tree, symbols }: Profile,
  nodeOf: Int32Array,
): string[] {
  const totals = tree.totals();
  const weights = new Map<number, Map<string, number>>();
  for (let node = 0; node < tree.size; node++) {
    const { source } = tree.parentOf(node) === NO_NODE
      ? {} as Partial<FrameSymbol>
      : symbols[tree.frameOf(node)];
    if (!source) continue;
    const line = `${source.file}:${source.line}`;
    const merged = nodeOf[node];
    let lines = weights.get(merged);
    if (!lines) weights.set(merged, lines = new Map());
    lines.set(line, (lines.get(line) ?? 0) + totals[node]);
  }
  const hottest: string[] = [];
  for (const [merged, lines] of weights) {
    let most = 0;
    for (const [line, weight] of lines) {
      if (weight > most) [hottest[merged], most] = [line, weight];
    }
  }
  return hottest;
}

/** Lists all calls that are wide enough, each caller before its callees. */
function pageCalls(profile: Profile): PageCall[] {
  const { tree, symbols, nodeOf } = mergeTree(profile, functionKey);
  const totals = tree.totals();
  const lines = hottestLines(profile, nodeOf);
  const callees: number[][] = [];
  const roots: number[] = [];
  const least = profile.weight * NARROWEST;
  for (let node = 0; node < tree.size; node++) {
    if (totals[node] < least) continue;
    const parent = tree.parentOf(node);
    if (parent === NO_NODE) roots.push(node);
    else (callees[parent] ??= []).push(node);
  }
  // The last entry of a stack is visited first, so the hottest one is pushed last.
  const byWeight = (a: number, b: number) => totals[a] - totals[b];
  const calls: PageCall[] = [[0, "all", "process", "", profile.weight]];
  const stack: [node: number, depth: number][] = roots.sort(byWeight)
    .map((node) => [node, 1]);
  for (let top = stack.pop(); top; top = stack.pop()) {
    const [node, depth] = top;
    const frame = tree.frameOf(node);
    if (tree.parentOf(node) === NO_NODE) {
      const process = profile.processes[frame];
      calls.push([depth, process, "process", "", totals[node]]);
    } else {
      const { name, category, dso } = symbols[frame];
      calls.push([depth, name, category, lines[node] ?? dso, totals[node]]);
    }
    for (const callee of callees[node]?.sort(byWeight) ?? []) {
      stack.push([callee, depth + 1]);
    }
  }
  return calls;
}

const escapeHtml = (text: string) =>
  text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

/** Returns JSON for a script, with characters escaped that would end or break it. */
const escapeScript = (json: string) =>
  json.replace(
    /[<\u2028\u2029]/g,
    (character) =>
      `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** Returns the page. */
export function toFlameGraph(profile: Profile, title: string): string {
  const page = {
    event: profile.event,
    samples: profile.samples,
    calls: pageCalls(profile),
  };
  return `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title>
<style>${FLAME_GRAPH_STYLE}</style>
<header>
  <h1>${escapeHtml(title)}</h1>
  <label>Search <input type="search" placeholder="part of a name or file"></label>
  <button type="button" disabled>Reset zoom</button>
  <output></output>
  <ul></ul>
</header>
<main></main>
<footer>A click zooms, on what is above too; Escape shows the whole again.
Calls of less than ${100 * NARROWEST} % of the whole are left out.</footer>
<aside role="tooltip" hidden></aside>
<script>const profile = ${escapeScript(JSON.stringify(page))};
${FLAME_GRAPH_SCRIPT}</script>
</html>
`;
}
