/**
 * Number of CPUs, page size and memory of this machine, from sysconf(3).
 *
 * @module
 */

import {
  SC_NPROCESSORS_CONF,
  SC_NPROCESSORS_ONLN,
  SC_PAGESIZE,
  SC_PHYS_PAGES,
} from "./constants.ts";
import type { Libc } from "./libc.ts";

/** Returns the number of configured CPUs; every CPU's number is less than it. */
export function processorCount(libc: Libc): number {
  return Number(libc.sysconf(SC_NPROCESSORS_CONF));
}

/** Returns the number of CPUs that are online. */
export function onlineProcessorCount(libc: Libc): number {
  return Number(libc.sysconf(SC_NPROCESSORS_ONLN));
}

/** Returns the size of a page in bytes. */
export function pageSize(libc: Libc): number {
  return Number(libc.sysconf(SC_PAGESIZE));
}

/** Returns the size of the memory in bytes. */
export function memorySize(libc: Libc): bigint {
  return libc.sysconf(SC_PHYS_PAGES) * libc.sysconf(SC_PAGESIZE);
}
