/**
 * A libc of which calls fail or do less than they were asked.
 *
 * @module
 */

import { type Libc, openLibc } from "../../ffi/libc.ts";

/** libc as it is. */
export const real = openLibc().symbols;

/** Numbers of <errno.h>. */
export const ERRNO = {
  EINTR: 4,
  EIO: 5,
  EEXIST: 17,
  EFBIG: 27,
  ENOSPC: 28,
  EDQUOT: 122,
};

/** What libc's calls return where they fail. */
const FAILURES: unknown[] = [-1, -1n, 0xffff_ffff_ffff_ffffn];

/**
 * A libc in which some calls are replaced. Where one of those fails, errno is what
 * `errno` says.
 */
export function faultyLibc(
  faults: Partial<Libc>,
  errno = { value: ERRNO.EIO },
): Libc {
  let isFaulty = false;
  const calls = Object.entries({ ...real, ...faults }).map(([name, call]) => {
    const watched = (...args: unknown[]) => {
      const result = Reflect.apply(call, undefined, args);
      isFaulty = name in faults && FAILURES.includes(result);
      return result;
    };
    return [name, watched];
  });
  return {
    ...Object.fromEntries(calls),
    __errno_location: real.__errno_location,
    copyFromAddress: (into, address, size) => {
      if (!isFaulty || address !== real.__errno_location()) {
        return real.copyFromAddress(into, address, size);
      }
      new DataView((into as Uint8Array<ArrayBuffer>).buffer)
        .setInt32(0, errno.value, true);
    },
  };
}
