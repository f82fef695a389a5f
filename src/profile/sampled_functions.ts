/**
 * The functions of dumps that have self weight.
 *
 * @module
 */

import { type CodeCategory, namedCode } from "../engines.ts";
import type { Profile } from "./profile.ts";

/** A function of a dump with the weights of its instructions. */
export interface SampledFunction {
  readonly name: string;
  /** Its name in its source. */
  readonly plainName: string;
  readonly category: CodeCategory;
  /** Path of the dump. */
  readonly dump: string;
  /** Byte offset of its load in the dump. */
  readonly position: number;
  readonly weight: number;
  /** Weights by the instruction's offset from the function's start, in bytes. */
  readonly byOffset: ReadonlyMap<number, number>;
}

/** Returns the functions of a profile that has instructions, the hottest first. */
export function sampledFunctions(
  { dumps, sourceMaps }: Profile,
): SampledFunction[] {
  return dumps.flatMap(({ path, functions }) =>
    Array.from(functions, ([position, weights]): SampledFunction => {
      const name = sourceMaps.nameOf(weights.name);
      const { byOffset } = weights;
      const { plainName, category } = namedCode(name);
      const weight = byOffset.values().reduce((sum, own) => sum + own, 0);
      return {
        ...{ name, plainName, category, position, weight, byOffset },
        dump: path,
      };
    })
  ).sort((a, b) => b.weight - a.weight);
}

/**
 * Returns the functions that match a text, by the first of these rules that finds any: the
 * name equals the text; the whole name matches it as a regular expression; it matches whole
 * words of the name in the source, as "fib" in Erlang's "lists:fib/1"; the name contains a
 * match.
 *
 * @throws {SyntaxError} If no name equals the text, and it is not a regular expression.
 */
export function functionsNamed(
  functions: readonly SampledFunction[],
  text: string,
): SampledFunction[] {
  const equal = functions.filter(({ name }) => name === text);
  if (equal.length > 0) return equal;
  const part = new RegExp(text);
  const whole = new RegExp(`^(?:${text})$`);
  const words = new RegExp(String.raw`(?<!\w)(?:${text})(?!\w)`);
  const rules: ((fn: SampledFunction) => boolean)[] = [
    ({ name }) => whole.test(name),
    ({ plainName }) => plainName === text || words.test(plainName),
    ({ name }) => part.test(name),
  ];
  for (const rule of rules) {
    const found = functions.filter(rule);
    if (found.length > 0) return found;
  }
  return [];
}

/** Returns the hottest jitted function, else the hottest of all; undefined without any. */
export function hottestFunction(
  functions: readonly SampledFunction[],
): SampledFunction | undefined {
  return functions.find(({ category }) => category === "jitted") ??
    functions[0];
}
