/**
 * Tests that require an emulated AArch64.
 *
 * @module
 */

import { it } from "@std/testing/bdd";
import { isInstalled } from "./perf.ts";

const qemu = await isInstalled("qemu-aarch64")
  ? "qemu-aarch64"
  : await isInstalled("qemu-aarch64-static")
  ? "qemu-aarch64-static"
  : undefined;

/** Registers a test that receives the path of the emulator. With `CI=true` it fails without one. */
export function itWithQemu(
  name: string,
  fn: (qemu: string) => Promise<void>,
): void {
  if (qemu) {
    it(name, () => fn(qemu));
  } else if (Deno.env.get("CI") === "true") {
    it(name, () => {
      throw new Error("qemu-aarch64 is not installed");
    });
  } else {
    it.skip(`${name} (ignored: qemu-aarch64 is not installed)`, () => {});
  }
}
