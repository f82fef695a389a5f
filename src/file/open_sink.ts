/**
 * Opening a dump as the sink of records that is wished.
 *
 * @module
 */

import type { Libc } from "../../ffi/libc.ts";
import { AppendFile } from "./append_file.ts";
import { DumpKind } from "./dump_kind.ts";
import type { FileHeader } from "../format/file_header.ts";
import { canMap, MappedFile } from "./mapped_file.ts";
import type { RecordSink, Sink } from "./record_sink.ts";
import { SharedFile } from "./shared_file.ts";

/**
 * Opens a dump, and makes it with `header` if it is empty or not there.
 *
 * @param wanted Where the file system is none for `"mapped"`, it becomes `"append"`.
 * @throws {Deno.errors.NotCapable} If Deno may not write there.
 * @throws {Deno.errors.InvalidData} If there is a file to which records of this
 * writer cannot be appended.
 * @throws {Deno.errors.Busy} If somebody writes there who does not share, or with whom
 * this sink does not.
 * @throws {JitDumpError} If a system call fails.
 */
export function openSink(
  libc: Libc,
  path: string,
  header: FileHeader,
  wanted: Sink,
): RecordSink {
  const kind = new DumpKind(header, wanted === "mapped" ? canMap : () => false);
  const shared = new SharedFile(libc, path, kind);
  try {
    return shared.row.isExclusive
      ? new MappedFile(libc, shared)
      : new AppendFile(libc, shared);
  } catch (error) {
    shared.close();
    throw error;
  }
}
