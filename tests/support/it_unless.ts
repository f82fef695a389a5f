/**
 * Tests that cannot run on every machine.
 *
 * @module
 */

import { it } from "@std/testing/bdd";

/** Registers a test, which is ignored if `reason` is not undefined. */
export function itUnless(
  reason: string | undefined,
  name: string,
  fn: () => void | Promise<void>,
): void {
  if (reason === undefined) it(name, fn);
  else it.skip(`${name} (ignored: ${reason})`, fn);
}
