/**
 * Merging of a chain from a copied stack with the kernel's chain from frame pointers.
 *
 *     stack      f ─ g ─ h ─ m                        (truncated)
 *     kernel     f ───────── m ─ n ─ o ─ main         (g and h keep no frame pointer)
 *     spliced    f ─ g ─ h ─ m ─ n ─ o ─ main
 *
 * Code without a frame pointer leaves its caller's value in the register. The kernel's chain
 * therefore contains all frames outward from the nearest one with a frame pointer, and the
 * stack supplies the frames in between.
 *
 * @module
 */

import type { Address } from "../symbols/address.ts";
import type { UnwoundChain, UnwoundFrame } from "./unwound_chain.ts";

/**
 * Appends the kernel's frames to a chain that ends early.
 *
 * @param kernel Addresses of the user part of the kernel's chain, innermost first: the
 * interrupted instruction, then return addresses.
 * @param isExecutable Returns whether code is mapped at an address. The chain ends at the
 * first address without code, because the register did not contain a frame pointer.
 */
export function splice(
  unwound: UnwoundChain,
  kernel: readonly Address[],
  isExecutable: (address: Address) => boolean,
): UnwoundChain {
  if (unwound.end === "start of thread") return unwound;
  const { frames } = unwound;
  // Find the last frame that both chains contain, in the order of both.
  let inFrames = 0;
  let inKernel = 0;
  for (let i = 0; i < kernel.length; i++) {
    let found = inFrames;
    while (found < frames.length && frames[found].address !== kernel[i]) {
      found++;
    }
    if (found === frames.length) continue;
    inFrames = found + 1;
    inKernel = i + 1;
  }
  const rest: UnwoundFrame[] = [];
  for (const address of kernel.slice(inKernel)) {
    const isInterrupted = frames.length + rest.length === 0;
    if (!isExecutable(isInterrupted ? address : address - 1)) break;
    rest.push({ address, isInterrupted, source: "kernel" });
  }
  if (rest.length === 0) return unwound;
  return { frames: [...frames, ...rest], end: "end of kernel chain" };
}
