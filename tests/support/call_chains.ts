/**
 * Call chains of reports, and those of the demo.
 *
 * @module
 */

import { assertGreater } from "@std/assert";
import { collapse } from "../../src/profile/collapsed.ts";
import { readProfile } from "../../src/profile/profiler.ts";

/** A chain's frames, outermost first, and its share of the weight of all chains in percent. */
export interface Chain {
  readonly names: readonly string[];
  readonly share: number;
}

/** Returns the chains in a recording whose innermost function has a name that matches. */
export async function chainsTo(
  innermost: RegExp,
  recording: string,
): Promise<Chain[]> {
  const profile = await readProfile(recording);
  const chains = [...collapse(profile)].map((line) => {
    const end = line.lastIndexOf(" ");
    return {
      names: line.slice(0, end).split(";").slice(1),
      weight: Number(line.slice(end + 1)),
    };
  }).filter(({ names }) => innermost.test(names.at(-1)!));
  const total = chains.reduce((sum, { weight }) => sum + weight, 0);
  assertGreater(total, profile.weight / 10);
  return chains.map(({ names, weight }) => ({
    names,
    share: 100 * weight / total,
  }));
}

/** Asserts that more than a percentage of chains have a property. */
export function assertMost(
  percentage: number,
  chains: readonly Chain[],
  isRight: (names: readonly string[]) => boolean,
): void {
  const wrong = chains.filter(({ names }) => !isRight(names));
  const share = wrong.reduce((sum, { share }) => sum + share, 0);
  assertGreater(100 - share, percentage, wrong[0]?.names.join("\n"));
}

/** Matches a function of the demo. */
export const DEMO_FUNCTION =
  /^(main|collatz|longest_collatz|gcd|coprime_pairs|fib|polynomial_sum)$/;

/** Calls in `tests/demo/program.calc`, from `main` to each function. */
const CALLS =
  /^main(;longest_collatz(;collatz)?|;coprime_pairs(;gcd)?|(;fib)+|;polynomial_sum)?$/;

/** Matches the JavaScript that calls the demo's `main`. */
const DEMO_SCRIPT = /^(JS|Script):.*\/demo\/main\.ts/;

/** Splits a chain before the demo's first function. */
function splitChain(
  names: readonly string[],
): { callers: readonly string[]; jitted: readonly string[] } {
  const first = names.findIndex((name) => DEMO_FUNCTION.test(name));
  return { callers: names.slice(0, first), jitted: names.slice(first) };
}

/** Indicates whether a chain has all callers in the demo's program, and the one in Deno. */
export function hasJittedCallers(names: readonly string[]): boolean {
  const { callers, jitted } = splitChain(names);
  return CALLS.test(jitted.join(";")) && callers.at(-1) === "[deno]";
}

/** Indicates whether a chain has the JavaScript that calls the demo's functions. */
export function hasJavaScript(names: readonly string[]): boolean {
  return splitChain(names).callers.some((name) => DEMO_SCRIPT.test(name));
}

/** Indicates whether a chain begins at the start of the main thread. */
export function hasStart(names: readonly string[]): boolean {
  // Deno's _start, which has no name, and two functions of glibc (2.34 and later).
  return names.indexOf("__libc_start_call_main") === 2;
}
