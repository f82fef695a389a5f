/**
 * The times at which a program compiled its functions.
 *
 * @module
 */

import type { CodeHistory } from "../reader/code_history.ts";

/** A function that was recorded in a dump. */
export interface FunctionLoad {
  readonly name: string;
  /** Nanoseconds since the recording's earliest record. */
  readonly time: number;
  /** The thread that compiled it. */
  readonly tid: number;
  readonly codeIndex: bigint;
  /** Size of its code in bytes. */
  readonly codeSize: number;
}

/**
 * Returns the functions of a dump in the order of time.
 *
 * @param nameOf Returns the name to show of a recorded one.
 */
export function loadsOf(
  { pieces, functions }: CodeHistory,
  startTime: bigint,
  nameOf: (name: string) => string,
): FunctionLoad[] {
  return pieces.stays().filter(({ isMoved }) => !isMoved).map(
    ({ fn, since }) => {
      const { name, tid, codeIndex, codeSize } = functions.get(fn);
      const time = Number(since - startTime);
      return { name: nameOf(name), time, tid, codeIndex, codeSize };
    },
  );
}
