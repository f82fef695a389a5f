/**
 * The instructions and sources for a page.
 *
 * @module
 */

import type {
  CodeListing,
  ListedCode,
  ListedInstruction,
} from "../profile/code_listing.ts";
import type { Profile } from "../profile/profile.ts";
import {
  type SampledFunction,
  sampledFunctions,
} from "../profile/sampled_functions.ts";
import type { SourceMaps } from "../profile/source_maps.ts";
import { lineAt } from "../reader/code_timeline.ts";
import {
  type FunctionCode,
  placeOf,
  readCode,
  readSource,
  runObjdump,
} from "./disassemble.ts";

/** Maximum number of functions whose instructions are on a page. */
const MOST = 50;

/** Minimum share of such a function. */
const SMALLEST = 0.001;

/**
 * Returns the code of the hottest functions, and the sources. There are no instructions if
 * running objdump is not allowed, or fails.
 */
export async function listCode(profile: Profile): Promise<ListedCode> {
  const sources = new Map<string, string[] | undefined>();
  return {
    listings: await canDisassemble() ? await listHottest(profile) : [],
    sourceOf(file) {
      if (!sources.has(file)) {
        const text = profile.sourceMaps.textOf(file) ?? readSource(file);
        sources.set(file, text);
      }
      return sources.get(file);
    },
  };
}

/** Returns whether objdump may be run, and files for it may be written. Never prompts. */
async function canDisassemble(): Promise<boolean> {
  const permissions = [
    { name: "run", command: "objdump" },
    { name: "write" },
  ] as const;
  for (const permission of permissions) {
    const { state } = await Deno.permissions.query(permission);
    if (state !== "granted") return false;
  }
  return true;
}

async function listHottest(profile: Profile): Promise<CodeListing[]> {
  const listings: CodeListing[] = [];
  const hottest = sampledFunctions(profile).slice(0, MOST)
    .filter(({ weight }) => weight >= SMALLEST * profile.weight);
  try {
    for (const [dump, functions] of Map.groupBy(hottest, ({ dump }) => dump)) {
      listings.push(...await listDump(profile, dump, functions));
    }
  } catch (error) {
    console.error(
      `jitdump report: the page lacks some instructions: ${
        (error as Error).message
      }`,
    );
  }
  return listings;
}

async function listDump(
  { sourceMaps, recording }: Profile,
  dump: string,
  functions: readonly SampledFunction[],
): Promise<CodeListing[]> {
  const positions = new Set(functions.map(({ position }) => position));
  const listings: CodeListing[] = [];
  const codes = readCode(
    dump,
    ({ offset }) => positions.has(offset),
    recording.arch,
  );
  for (const code of codes) {
    listings.push({
      dump,
      position: code.fn.offset,
      place: placeOf(code.fn),
      instructions: await listInstructions(code, sourceMaps),
    });
  }
  return listings;
}

async function listInstructions(
  { fn, load, lines, machine }: FunctionCode,
  sourceMaps: SourceMaps,
): Promise<ListedInstruction[]> {
  const instructions = await runObjdump(load, machine);
  return instructions.map((instruction) => {
    const [address, , ...text] = instruction.trim().split("\t");
    const at = BigInt(`0x${address.replace(":", "")}`);
    const entry = lineAt(lines, at);
    return {
      offset: Number(at - fn.codeAddr),
      text: text.join(" ").trim(),
      source: entry && sourceMaps.lineOf(fn.name, entry),
    };
  });
}
