/**
 * The file descriptors of this process.
 *
 * @module
 */

import {
  F_GETFL,
  O_ACCMODE,
  O_APPEND,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
} from "./constants.ts";
import type { OpenFile } from "./file.ts";
import { descriptorStatus, type FileStatus, isSameFile } from "./status.ts";

/**
 * The kernel assigns the lowest free descriptor, so descriptors are dense: the search
 * ends after a gap of this length. (Reading /proc/self/fd would need a permission.)
 */
const LONGEST_GAP = 1024;

/**
 * The status flags of this module's descriptors. `O_NONBLOCK` has no effect on a regular
 * file. The kernel keeps `O_NOFOLLOW` (Linux 6.18). V8 15 opens its dump with `O_NOFOLLOW`
 * but without `O_NONBLOCK`.
 */
export const MARK = O_NOFOLLOW | O_NONBLOCK;

/** A descriptor through which another engine of this process writes the file. */
export interface ForeignWriter {
  /** True if it is in append mode. */
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
    if ((flags & O_ACCMODE) === O_RDONLY) continue;
    if ((flags & MARK) === MARK) continue;
    if (!isSameFile(descriptorStatus(libc, fd), status)) continue;
    writers.push({ isAppending: (flags & O_APPEND) !== 0 });
  }
  return writers;
}
