/**
 * Where packed records go.
 *
 * @module
 */

import type { Packed } from "./record_buffer.ts";

/**
 * How records get into a dump.
 *
 * `"append"`: each call appends what it has to say by one system call. Others may append
 * to the same dump and follow it while it grows.
 *
 * `"mapped"`: records are written into memory that is the file's, several times as fast.
 * The dump must be this writer's alone, and its size says nothing until it is closed.
 */
export type Sink = "append" | "mapped";

/** All there are. */
export const SINKS: readonly Sink[] = ["append", "mapped"];

/** An open dump that takes records. */
export interface RecordSink {
  readonly kind: Sink;
  /** The file's descriptor. */
  readonly fd: number;
  /** Takes whole records; after an exception there is nothing of them that is read. */
  append(records: Packed): void;
  /** Closes the dump, and takes its marker away if nobody else needs that. */
  close(): void;
}
