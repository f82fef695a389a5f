/**
 * The interface of subcommands, and their arguments.
 *
 * @module
 */

import { parseArgs, type ParseArgsConfig } from "node:util";
import type { Options } from "./options.ts";
import { nearestName } from "./nearest_name.ts";

/** A subcommand. */
export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** The output of `--help`. */
  readonly help: string;
  readonly options: Options;
  /** The possible arguments, if they are not files. */
  readonly argumentNames?: readonly string[];
  /** Runs the command; returns the exit status. */
  run(args: string[]): Promise<number>;
}

/** An error in the command line. */
export class UsageError extends Error {}

/** The messages of `parseArgs` for an option without its value. */
const MISSING_VALUE =
  /^Option '(--[\w-]+)(?: <value>)?' argument (?:missing|is ambiguous)/;

/** Parses arguments with `parseArgs` of node:util. Throws {@linkcode UsageError}. */
export function parse<T extends ParseArgsConfig["options"]>(
  args: string[],
  options: T,
): ReturnType<
  typeof parseArgs<{ args: string[]; options: T; allowPositionals: true }>
> {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    const { message } = error as Error;
    const bare = MISSING_VALUE.exec(message)?.[1];
    if (bare) throw new UsageError(`${bare} requires a value: ${bare}=VALUE`);
    const unknown = /^Unknown option '(-[^']*)'/.exec(message)?.[1];
    if (unknown === undefined) throw new UsageError(message);
    const names = Object.keys({ ...options, help: {} });
    throw new UsageError(
      `unknown option ${unknown}` +
        suggest(unknown, names.map((name) => `--${name}`)),
    );
  }
}

/**
 * Returns the index of the first argument that is neither an option nor an option's value; −1
 * if there is none, or if it follows an unknown option, whose value it may be.
 */
export function firstPositional(
  args: string[],
  options: NonNullable<ParseArgsConfig["options"]>,
): number {
  const { tokens } = parseArgs({ args, options, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind === "positional") return token.index;
    const isKnown = token.kind === "option" && token.name in options;
    if (!isKnown) return -1;
  }
  return -1;
}

/** Returns the end of an error message that suggests a name, or an empty string. */
export function suggest(typed: string, names: readonly string[]): string {
  const name = nearestName(typed, names);
  return name === undefined ? "" : `; did you mean ${name}?`;
}
