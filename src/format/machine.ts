/**
 * ELF's numbers of the supported machines.
 *
 * @module
 */

/** ELF's `e_machine` of x86-64. */
export const EM_X86_64 = 62;

/** ELF's `e_machine` of AArch64. */
export const EM_AARCH64 = 183;

const MACHINES: Record<typeof Deno.build.arch, number> = {
  x86_64: EM_X86_64,
  aarch64: EM_AARCH64,
};

/** ELF's `e_machine` of the machine that this process runs on. */
export const HOST_MACHINE: number = MACHINES[Deno.build.arch];
