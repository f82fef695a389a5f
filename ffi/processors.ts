/**
 * Processors and pages of this machine, as libc knows them: sysconf(3).
 *
 * @module
 */

import {
  SC_NPROCESSORS_CONF,
  SC_NPROCESSORS_ONLN,
  SC_PAGESIZE,
} from "./constants.ts";
import type { Libc } from "./libc.ts";

/** Returns the number of processors that may be online; their numbers are below it. */
export function processorCount(libc: Libc): number {
  return Number(libc.sysconf(SC_NPROCESSORS_CONF));
}

/** Returns the number of processors that are online. */
export function onlineProcessorCount(libc: Libc): number {
  return Number(libc.sysconf(SC_NPROCESSORS_ONLN));
}

/** Returns the size of a page in bytes. */
export function pageSize(libc: Libc): number {
  return Number(libc.sysconf(SC_PAGESIZE));
}
