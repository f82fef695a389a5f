/**
 * One chain from a piece of stack and the kernel's walk along the frame pointers.
 *
 *     stack      f ─ g ─ h ─ m                        (truncated)
 *     kernel     f ───────── m ─ n ─ o ─ main         (g and h keep no frame pointer)
 *     spliced    f ─ g ─ h ─ m ─ n ─ o ─ main
 *
 * Code without a frame leaves the frame pointer as its caller had it. So the kernel's chain has all
 * from the nearest frame with a pointer outward, and the stack supplies those between.
 *
 * @module
 */

import type { Address } from "../symbols/address.ts";
import type { UnwoundChain, UnwoundFrame } from "./unwound_chain.ts";

/**
 * Appends the kernel's frames to a chain that ends early.
 *
 * @param kernel Addresses of the kernel's chain, innermost first: the instruction that was
 * interrupted, then return addresses. Only the user's code.
 * @param isExecutable Indicates whether code is mapped at an address. The first one without ends the chain:
 * the frame pointer was something else.
 */
export function splice(
  unwound: UnwoundChain,
  kernel: readonly Address[],
  isExecutable: (address: Address) => boolean,
): UnwoundChain {
  if (unwound.end === "start of thread") return unwound;
  const { frames } = unwound;
  // The frames that both have, in the order of both.
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
