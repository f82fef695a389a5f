/**
 * Tests that cannot run everywhere.
 *
 * @module
 */

import { it } from "@std/testing/bdd";

/** A test that is reported as ignored, with the reason, where there is one. */
export function itUnless(
  reason: string | undefined,
  name: string,
  fn: () => void | Promise<void>,
): void {
  if (reason === undefined) it(name, fn);
  else it.skip(`${name} (ignored: ${reason})`, fn);
}
