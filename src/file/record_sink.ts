/**
 * Where packed records go.
 *
 * @module
 */

import type { Packed } from "../writer/record_buffer.ts";

/**
 * How records get into a dump.
 *
 * `"append"`: each call appends what it has to say by one system call. Others may append
 * to the same dump and follow it while it grows.
 *
 * `"mapped"`: records are copied into memory that is the file's, in about a third of the
 * time, and as safe from a crash. The dump is this writer's alone; others are refused,
 * also when a worker that has it open is terminated. Until it is closed it ends in up to
 * 1 MiB of zeros, where those who follow it, as samply does, may stop. Nobody may cut it
 * short meanwhile: the kernel ends a process (SIGBUS) that writes to memory of which the
 * file is gone, or is on a disk that fails.
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
