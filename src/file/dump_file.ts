/**
 * Opening the dump of this process.
 *
 * @module
 */

import { removeFile, renameFile } from "../../ffi/directory.ts";
import type { OpenFile } from "../../ffi/file.ts";
import type { Libc } from "../../ffi/libc.ts";
import { mapExecutable, ONE_PAGE, unmap } from "../../ffi/mapping.ts";
import { isSameFile, pathStatus } from "../../ffi/status.ts";
import type { FileHeader } from "../format/file_header.ts";
import { overwritingRemedy } from "../v8.ts";
import { AppendFile } from "./append_file.ts";
import {
  ensureDumpHeader,
  hasIdentity,
  isSameProcess,
  readDumpHeader,
  requireCompatibleHeader,
} from "./dump_header.ts";
import { canMap, MappedFile } from "./mapped_file.ts";
import { repairPartialRecord } from "./partial_record.ts";
import type { RecordSink, Sink } from "./record_sink.ts";
import {
  busyError,
  type Claim,
  type Opening,
  requireOwner,
  SharedFile,
} from "./shared_file.ts";

/**
 * Opens or creates a dump.
 *
 * perf finds a dump by an executable mapping of it, the marker, and reads the file once
 * for each mapping. So the writers of a process share one marker.
 *
 * @param header The header of a new dump.
 * @param wanted `"mapped"` becomes `"append"` on a file system that does not support it.
 * @throws {Deno.errors.NotCapable} If Deno does not allow writing to the path.
 * @throws {Deno.errors.InvalidData} If records of this writer cannot be appended to the
 * existing file.
 * @throws {Deno.errors.Busy} If another writer excludes this one, or this sink would
 * exclude another writer.
 * @throws {JitDumpError} If a system call fails.
 */
export function openDump(
  libc: Libc,
  path: string,
  header: FileHeader,
  wanted: Sink,
): RecordSink {
  const shared = SharedFile.open(
    libc,
    path,
    overwritingRemedy("--perf-prof"),
    (opening) => claimDump(opening, header, wanted),
  );
  try {
    const appended = new AppendFile(shared, repairPartialRecord);
    return shared.isExclusive ? new MappedFile(shared, appended) : appended;
  } catch (error) {
    shared.close();
    throw error;
  }
}

/** Claims a dump; returns undefined if an earlier process left it and it was renamed. */
function claimDump(
  opening: Opening,
  header: FileHeader,
  wanted: Sink,
): Claim | undefined {
  const { file, writers, isNew, isShared } = opening;
  const { path } = file;
  requireOwner(opening, () => hasIdentity(file, header));
  const found = readDumpHeader(file, header);
  if (found && !isSameProcess(found, header)) {
    if (writers) {
      // Two processes with equal hashes; see lock_table.ts.
      throw busyError(path);
    }
    if (!isShared) return void setAside(opening);
  }
  const isExclusive = wanted === "mapped" && canMap(file);
  if (isExclusive && isShared) {
    throw new Deno.errors.Busy(
      `Cannot map "${path}": another writer of this process has it open. Use the sink "append", or choose another file.`,
    );
  }
  if (found) requireCompatibleHeader(path, found, header);
  const marker = writers ? writers.marker : createMarker(file, header, isNew);
  return { marker, isExclusive };
}

/** Renames a dump of an earlier process to `<path>.old`. */
function setAside({ file, status }: Opening): void {
  const { libc, path } = file;
  // First check that a dump can be mapped here, because the new one must be.
  unmap(file, mapExecutable(file), ONE_PAGE);
  renameFile(libc, path, `${path}.old`);
  // rename(2) does nothing if both names are links to one file.
  if (isSameFile(pathStatus(libc, path), status)) removeFile(libc, path);
}

/** Maps the marker, and writes the header. */
function createMarker(
  file: OpenFile,
  header: FileHeader,
  isNew: boolean,
): bigint {
  // Mapped before the first byte is written, because a file that cannot be mapped, such as
  // one in /proc or /sys (with --allow-all), cannot be a dump.
  const marker = mapExecutable(file);
  try {
    ensureDumpHeader(file, header);
    return marker;
  } catch (error) {
    unmap(file, marker, ONE_PAGE);
    if (isNew) file.truncate(0);
    throw error;
  }
}
