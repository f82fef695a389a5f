/**
 * The destination of packed records.
 *
 * @module
 */

import type { Packed } from "../writer/record_buffer.ts";

/**
 * The way in which records are written to a dump.
 *
 * `"append"`: each call appends its records by one system call. Other writers may append
 * to the same dump, and readers may follow it while it grows.
 *
 * `"mapped"`: records are copied into a shared mapping of the file. That takes half the
 * time, and a crash loses nothing either. The dump has one writer; others are refused until
 * it is closed, even if a worker that has it open is terminated. Until then the file ends in
 * up to 512 KiB of zeros, at which readers that follow it, such as samply, may stop. Do not
 * truncate the file while it is open: the kernel ends a process (SIGBUS) that writes to a
 * mapping beyond the end of its file, or on a failing disk.
 *
 * | sink                         | `"append"`      | `"mapped"`              |
 * | ---------------------------- | --------------- | ----------------------- |
 * | a crash loses                | nothing         | nothing                 |
 * | writers of one file          | any number      | one                     |
 * | file systems                 | all             | ext2, ext3, ext4, tmpfs |
 * | the file while it is open    | whole records   | whole records, zeros    |
 * | the disk is full             | the call throws | the call throws         |
 *
 * On other file systems `"mapped"` becomes `"append"`: on btrfs, XFS and overlayfs a page
 * that is written again may need a new block, and on a full disk that ends the process.
 */
export type Sink = "append" | "mapped";

/** All sinks. */
export const SINKS: readonly Sink[] = ["append", "mapped"];

/** An open dump that accepts records. */
export interface RecordSink {
  readonly kind: Sink;
  /** The file's descriptor. */
  readonly fd: number;
  /** Writes whole records. After an exception, readers find none of them. */
  append(records: Packed): void;
  /** Closes the dump, and removes its marker if no other writer needs it. */
  close(): void;
}
