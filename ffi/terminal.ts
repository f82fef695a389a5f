/**
 * The terminal of this process: tty_ioctl(4).
 *
 * @module
 */

import { TIOCGPGRP } from "./constants.ts";
import type { Libc } from "./libc.ts";

/** Standard input, output and error. */
const STANDARD = [0, 1, 2];

/**
 * Returns whether Ctrl-C on the terminal signals this process and its process group. False
 * if none of standard input, output and error is that terminal.
 */
export function isInForeground(libc: Libc): boolean {
  const group = new Int32Array(1);
  const bytes = new Uint8Array(group.buffer);
  return STANDARD.some((fd) =>
    libc.ioctlBuffer(fd, TIOCGPGRP, bytes) === 0 && group[0] === libc.getpgrp()
  );
}
