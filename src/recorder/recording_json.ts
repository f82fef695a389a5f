/**
 * `recording.json`: the description of a recording.
 *
 * @module
 */

/** A dump in the recording. */
export interface KeptDump {
  /** The path that the recorded process has mapped. */
  readonly path: string;
  /** Device and inode that the kernel has recorded for the mapping. */
  readonly major: number;
  readonly minor: number;
  readonly inode: string;
  /** Path of the file in the recording. */
  readonly file: string;
}

/** JavaScript that Deno has generated from a TypeScript module. */
export interface EmittedFile {
  /** URL of the module. */
  readonly specifier: string;
  /** Path of the generated code in the recording. */
  readonly file: string;
}

/** The content of `recording.json` while the recording runs, and if the recorder is killed. */
export interface RecordingStart {
  /** The recorded command; undefined for running processes. */
  readonly command?: readonly string[];
  /** The recorded process; undefined for commands and for all processes. */
  readonly pid?: number;
  /** The current directory of the recorder. */
  readonly directory: string;
  /** Time of the start, in ISO 8601. */
  readonly started: string;
  readonly versions: {
    readonly jitdump: string;
    readonly deno: string;
    readonly kernel?: string;
  };
  readonly events: readonly string[];
  /** Samples per second. */
  readonly frequency: number;
  readonly callGraph: string;
  /** The dumps so far, in the directory that contains `new/`. */
  readonly dumps: readonly KeptDump[];
  /** Generated code; undefined unless JavaScript of Deno was recorded (`--v8`). */
  readonly emitted?: readonly EmittedFile[];
}

/** The content of `recording.json`. */
export interface RecordingDescription extends RecordingStart {
  /** Time of the end, in ISO 8601. */
  readonly ended: string;
  readonly samples: number;
  readonly lost: number;
  /** Exit status of the command. */
  readonly status?: number;
}
