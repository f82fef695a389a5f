/**
 * The descriptors of this process.
 *
 * @module
 */

import type { OpenFile } from "./file.ts";
import type { Libc } from "./libc.ts";
import { descriptorStatus, type FileStatus, isSameFile } from "./status.ts";

// <fcntl.h>
const F_GETFL = 3;
const O_ACCMODE = 0o3;
const O_RDONLY = 0;

/**
 * The kernel gives out the lowest number that is free, so the numbers are dense. Behind
 * a gap of so many free ones nothing is looked for. (To read /proc/self/fd would need a
 * permission.)
 */
const FREE_NUMBERS = 1024;

/** A descriptor through which a file can be written. */
export interface Writer {
  readonly fd: number;
  /** Its `O_…` flags. */
  readonly flags: number;
}

/** All other descriptors of this process through which the file can be written. */
export function otherWriters(
  libc: Libc,
  file: OpenFile,
  status: FileStatus,
): Writer[] {
  const writers: Writer[] = [];
  let last = file.fd;
  for (let fd = 0; fd <= last + FREE_NUMBERS; fd++) {
    const flags = libc.fcntl(fd, F_GETFL, 0);
    if (flags === -1) continue;
    last = Math.max(last, fd);
    if (fd === file.fd || (flags & O_ACCMODE) === O_RDONLY) continue;
    if (isSameFile(descriptorStatus(libc, fd), status)) {
      writers.push({ fd, flags });
    }
  }
  return writers;
}
