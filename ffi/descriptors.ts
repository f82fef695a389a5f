/**
 * The descriptors of this process.
 *
 * @module
 */

import {
  F_GETFL,
  F_GETSIG,
  F_SETSIG,
  O_ACCMODE,
  O_APPEND,
  O_RDONLY,
  SIGRTMAX,
} from "./constants.ts";
import type { OpenFile } from "./file.ts";
import type { Libc } from "./libc.ts";
import { descriptorStatus, type FileStatus, isSameFile } from "./status.ts";

/**
 * The kernel assigns the lowest free descriptor, so descriptors are dense: the search
 * ends after a gap of this length. (Reading /proc/self/fd would need a permission.)
 */
const LONGEST_GAP = 1024;

/**
 * Marks a descriptor of this module: by the signal of its asynchronous I/O (F_SETSIG),
 * which has no effect without `O_ASYNC`. An unmarked descriptor counts as that of another
 * engine, which costs space but no records.
 */
export function markDescriptor(libc: Libc, fd: number): void {
  libc.fcntl(fd, F_SETSIG, SIGRTMAX);
}

/** A descriptor that another engine of this process writes the file through. */
export interface ForeignWriter {
  /** Whether it is in append mode. */
  readonly isAppending: boolean;
}

/**
 * Finds the descriptors of other engines in this process through which the file can be
 * written.
 */
export function foreignWriters(
  { libc, fd: own }: OpenFile,
  status: FileStatus,
): ForeignWriter[] {
  const writers: ForeignWriter[] = [];
  let last = own;
  for (let fd = 0; fd <= last + LONGEST_GAP; fd++) {
    const flags = libc.fcntl(fd, F_GETFL, 0);
    if (flags === -1) continue;
    last = Math.max(last, fd);
    if (fd === own || (flags & O_ACCMODE) === O_RDONLY) continue;
    if (!isSameFile(descriptorStatus(libc, fd), status)) continue;
    if (libc.fcntl(fd, F_GETSIG, 0) === SIGRTMAX) continue;
    writers.push({ isAppending: (flags & O_APPEND) !== 0 });
  }
  return writers;
}
