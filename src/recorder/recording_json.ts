/**
 * `recording.json`: what a recording is of.
 *
 * @module
 */

import type { KeptDump } from "./dump_keeper.ts";

/** The content of `recording.json`. */
export interface RecordingDescription {
  /** The command that was recorded; undefined for running processes. */
  readonly command?: readonly string[];
  /** The process that was recorded; undefined for commands and for all processes. */
  readonly pid?: number;
  /** The current directory of the recorder. */
  readonly directory: string;
  /** Start and end, in ISO 8601. */
  readonly started: string;
  readonly ended: string;
  readonly versions: {
    readonly jitdump: string;
    readonly deno: string;
    readonly kernel?: string;
  };
  readonly events: readonly string[];
  /** Samples per second. */
  readonly frequency: number;
  readonly callGraph: string;
  readonly samples: number;
  readonly lost: number;
  /** Exit status of the command. */
  readonly status?: number;
  readonly dumps: readonly KeptDump[];
}
