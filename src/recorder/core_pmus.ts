/**
 * The kinds of core of hybrid processors.
 *
 * @module
 */

import type { CorePmu } from "./event.ts";

/** The PMUs of Intel's hybrid processors (Linux 5.13 and newer). */
const NAMES = ["cpu_core", "cpu_atom", "cpu_lowpower"];

/**
 * Returns the core PMUs of a hybrid processor; none for other processors, and none without
 * permission to read /sys, for which Deno (2.9) requires all permissions.
 *
 * @param devices Directory of the machine's devices.
 */
export function corePmus(devices = "/sys/devices"): CorePmu[] {
  return NAMES.flatMap((name) => {
    try {
      const read = (file: string) =>
        Deno.readTextFileSync(`${devices}/${name}/${file}`).trim();
      const type = Number(read("type"));
      return [{ name, type, cpus: parseCpus(read("cpus")) }];
    } catch {
      return [];
    }
  });
}

/** Parses a list of CPUs, such as `"0-3,8"`. */
export function parseCpus(list: string): Set<number> {
  const cpus = new Set<number>();
  for (const range of list.split(",")) {
    const [first, last = first] = range.split("-").map(Number);
    for (let cpu = first; cpu <= last; cpu++) cpus.add(cpu);
  }
  return cpus;
}
