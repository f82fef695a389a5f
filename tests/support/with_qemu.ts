/**
 * Tests that require an emulated AArch64.
 *
 * @module
 */

import { itRequiring, whyMissing } from "./it_unless.ts";
import { isInstalled } from "./perf.ts";

const qemu = await isInstalled("qemu-aarch64")
  ? "qemu-aarch64"
  : "qemu-aarch64-static";
const noQemu = await whyMissing(qemu);

/**
 * Registers a test that receives the name of the emulator. It is ignored, or fails in a CI job,
 * if QEMU is not installed.
 */
export const itWithQemu = (
  name: string,
  fn: (qemu: string) => Promise<void>,
): void => itRequiring(noQemu, name, () => fn(qemu));
