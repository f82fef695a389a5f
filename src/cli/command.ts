/**
 * What the subcommands have in common.
 *
 * @module
 */

import { parseArgs, type ParseArgsConfig } from "node:util";

/** A subcommand. */
export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** What `--help` prints. */
  readonly help: string;
  /** Does it; gives the exit status. */
  run(args: string[]): Promise<number>;
}

/** The command line is wrong. */
export class UsageError extends Error {}

/** `parseArgs` of node:util, whose complaints become a {@linkcode UsageError}. */
export function parse<T extends ParseArgsConfig["options"]>(
  args: string[],
  options: T,
): ReturnType<
  typeof parseArgs<{ args: string[]; options: T; allowPositionals: true }>
> {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
