/**
 * Programs in a time namespace, whose CLOCK_MONOTONIC differs from that of the machine.
 *
 * @module
 */

import { type CommandLine, run } from "./perf.ts";

/** Returns a command that runs another one with CLOCK_MONOTONIC shifted by some seconds. */
export const withShiftedClock = (
  seconds: number,
  command: CommandLine,
): CommandLine => [
  ...["unshare", "--map-root-user", "--time", "--fork"] as CommandLine,
  ...["--monotonic", String(seconds)],
  ...command,
];

const { success } = await run(withShiftedClock(1, ["true"]))
  .catch(() => ({ success: false }));

/** Reason why tests with a time namespace are ignored; undefined if they can run. */
export const noTimeNamespace = success
  ? undefined
  : "no time namespace can be created";
