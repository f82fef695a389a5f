/**
 * A profile as a page: call chains as a picture, in one file that needs no other.
 *
 * @module
 */

import { FLAME_GRAPH_SCRIPT, FLAME_GRAPH_STYLE } from "./flame_graph_page.ts";
import type { Profile } from "./profile.ts";
import type { Origin, Place } from "./symbolizer.ts";
import { functionKey } from "./tally.ts";

/** A function in a chain of calls, and what it called. */
interface Call {
  readonly name: string;
  readonly origin: Origin | "process";
  readonly object: string;
  /** The source line that took most. */
  source: string;
  weight: number;
  /** What its source lines took. */
  readonly lines: Map<string, number>;
  readonly calls: Map<string, Call>;
}

/** Less than this of all is left out, so that the page stays small. */
const NARROWEST = 1 / 50_000;

const callOf = (
  name: string,
  origin: Call["origin"],
  object: string,
): Call => ({
  name,
  origin,
  object,
  source: "",
  weight: 0,
  lines: new Map(),
  calls: new Map(),
});

function enter(caller: Call, place: Place): Call {
  const key = functionKey(place);
  let call = caller.calls.get(key);
  if (!call) {
    call = callOf(place.name, place.origin, place.object);
    caller.calls.set(key, call);
  }
  return call;
}

function makeTree({ stacks }: Profile): Call {
  const root = callOf("all", "process", "");
  for (const { process, places, weight } of stacks) {
    root.weight += weight;
    let call = root.calls.get(process);
    if (!call) {
      call = callOf(process, "process", "");
      root.calls.set(process, call);
    }
    call.weight += weight;
    for (const place of places) {
      call = enter(call, place);
      call.weight += weight;
      const { source } = place;
      if (!source) continue;
      const line = `${source.file}:${source.line}`;
      call.lines.set(line, (call.lines.get(line) ?? 0) + weight);
    }
  }
  return root;
}

/** What the page's script reads: `[name, origin, where, weight, calls]`. */
type PageCall = [string, string, string, number, PageCall[]];

function toPage(call: Call, least: number): PageCall {
  let [hottest, most] = ["", 0];
  for (const [line, weight] of call.lines) {
    if (weight > most) [hottest, most] = [line, weight];
  }
  const calls = [...call.calls.values()]
    .filter(({ weight }) => weight >= least)
    .sort((a, b) => b.weight - a.weight)
    .map((inner) => toPage(inner, least));
  return [call.name, call.origin, hottest || call.object, call.weight, calls];
}

const escapeHtml = (text: string) =>
  text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

/** Data inside a script: whatever would end it, or be no JavaScript, is escaped. */
const escapeScript = (json: string) =>
  json.replace(
    /[<\u2028\u2029]/g,
    (character) =>
      `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** Makes the page. */
export function toFlameGraph(profile: Profile, title: string): string {
  const tree = makeTree(profile);
  const page = {
    event: profile.event,
    samples: profile.samples,
    tree: toPage(tree, tree.weight * NARROWEST),
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
