/**
 * Call chains as lines of text, which tools for flame graphs take.
 *
 * @module
 */

import type { Profile } from "./profile.ts";

/** A semicolon parts frames, and a line chains. */
const clean = (name: string) => name.replace(/[;\n]/g, ":");

/** `process;outermost;…;innermost weight`, a line for each different chain. */
export function* collapse({ stacks }: Profile): Generator<string> {
  const weights = new Map<string, number>();
  for (const { process, places, weight } of stacks) {
    const names = [process, ...places.map(({ name }) => name)].map(clean);
    const chain = names.join(";");
    weights.set(chain, (weights.get(chain) ?? 0) + weight);
  }
  for (const [chain, weight] of weights) yield `${chain} ${weight}`;
}
