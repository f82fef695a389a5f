/**
 * Profiles for tests of pages.
 *
 * @module
 */

import type { ListedCode } from "../../src/profile/code_listing.ts";
import type { Category, FrameSymbol } from "../../src/profile/frame_symbol.ts";
import { buildProfile, type Stack } from "./build_profile.ts";

const MS = 1e6;

const symbol = (
  name: string,
  category: Category,
  line?: number,
): FrameSymbol => ({
  name,
  category,
  dso: category === "native" ? "/usr/bin/deno" : "",
  source: line === undefined ? undefined : { file: "/src/a.calc", line },
});

/** A name that would break a page that does not escape it. */
export const FORGED = "in</script><img src=x onerror=alert(1)>";

const main = symbol("main", "native");
/** A jitted function. */
export const outer = symbol("outer", "jitted", 3);
const inner = symbol(FORGED, "jitted", 7);
const outer4 = symbol("outer", "jitted", 4);
const script = symbol("JS:*handler", "javascript", 1);
const read = symbol("vfs_read", "kernel");

const stack = (weight: number, ...symbols: FrameSymbol[]): Stack => ({
  process: "deno 1",
  symbols,
  weight: weight * MS,
});

/** Returns an instruction of `outer`. */
const at = (offset: number, position = 16) => ({
  ...{ dump: "/jit-1.dump", position, offset },
});

/** Samples of 1000 ms. `outer` has 60 %, 40 % of it in a function with a forged name. */
export const PROFILE = {
  ...buildProfile([
    stack(400, main, outer, inner),
    stack(200, main, outer),
    stack(200, main, script),
    { ...stack(100, main, script), tid: 2 },
    { ...stack(100, main, script, read), process: "sh 3" },
  ]),
  lost: 2,
  hints: [{ text: "<b>a hint", remedy: "a remedy" }],
};

/** Function `outer` has two instructions, of two lines; it was compiled twice. */
export const CODE: ListedCode = {
  listings: [16, 99].map((position) => ({
    dump: "/jit-1.dump",
    position,
    place: `8 bytes, load ${position}`,
    instructions: [
      {
        offset: 0,
        text: "push %rax",
        source: { file: "/src/a.calc", line: 3 },
      },
      { offset: 1, text: "<b>ret", source: { file: "/src/a.calc", line: 4 } },
    ],
  })),
  sourceOf: (file) =>
    file === "/src/a.calc"
      ? Array.from({ length: 20 }, (_, i) => `\t<i>text ${i + 1}`)
      : undefined,
};

/** A profile whose samples are at the instructions of {@linkcode CODE}. */
export const CODE_PROFILE = buildProfile([
  { ...stack(300, main, outer), instruction: at(0) },
  { ...stack(100, main, outer4), instruction: at(1) },
  { ...stack(100, main, outer), instruction: at(0, 99) },
  stack(500, main, inner),
]);
