/**
 * A libc whose calls fail or do less than requested.
 *
 * @module
 */

import { type Libc, openLibc } from "../../ffi/libc.ts";
import { JitDumpError } from "../../mod.ts";

/** The libc of this machine. */
export const real =
  openLibc((message, failure) => new JitDumpError(message, failure)).symbols;

/** Numbers of <errno.h>. */
export const ERRNO = {
  EINTR: 4,
  EIO: 5,
  ENOMEM: 12,
  EEXIST: 17,
  EINVAL: 22,
  EFBIG: 27,
  ENOSPC: 28,
  EDQUOT: 122,
};

/** The results of failed calls. */
const FAILURES: unknown[] = [-1, -1n, 0xffff_ffff_ffff_ffffn];

/**
 * Returns a libc in which some calls are replaced. If one of those fails, it sets `errno`.
 */
export function faultyLibc(
  faults: Partial<Libc>,
  errno = { value: ERRNO.EIO },
): Libc {
  let isFaulty = false;
  const entries = Object.entries({ ...real, ...faults }).map(([name, call]) => {
    if (typeof call !== "function") return [name, call];
    const watched = (...args: unknown[]) => {
      const result = Reflect.apply(call, undefined, args);
      isFaulty = name in faults && FAILURES.includes(result);
      return result;
    };
    return [name, watched];
  });
  const calls: Libc = Object.fromEntries(entries);
  return {
    ...calls,
    copyBetweenAddresses: (to, from, size) => {
      if (isFaulty && from === real.errno.address) {
        real.errno.copy[0] = errno.value;
      } else calls.copyBetweenAddresses(to, from, size);
    },
  };
}
