/**
 * The file header of this process's dumps, and the check of an existing one.
 *
 * @module
 */

import type { OpenFile } from "../../ffi/file.ts";
import type { Libc } from "../../ffi/libc.ts";
import {
  FileHeader,
  JITDUMP_MAGIC,
  JITDUMP_VERSION,
} from "../format/file_header.ts";
import { processIdentity } from "./process_identity.ts";

/**
 * Number of low bits of a header's `timestamp`, about a millisecond, that identify the
 * process. The process id alone does not, because ids are reused, which happens soon in a
 * container. No consumer uses this timestamp (perf 6.1 to 7.2).
 */
const IDENTITY_BITS = 20;

/** The `purpose` of this {@linkcode processIdentity}. */
const PURPOSE = 0n;

/**
 * Creates the header of a dump of this process.
 *
 * @param elfMach The code's machine.
 * @param now Nanoseconds of CLOCK_MONOTONIC.
 */
export function createDumpHeader(
  libc: Libc,
  elfMach: number,
  now: bigint,
): FileHeader {
  return {
    magic: JITDUMP_MAGIC,
    version: JITDUMP_VERSION,
    totalSize: FileHeader.size,
    elfMach,
    pad1: 0,
    pid: Deno.pid,
    timestamp: identifyingTime(libc, now),
    flags: 0n,
  };
}

/** Returns the last time up to `now` whose low bits identify this process. */
function identifyingTime(libc: Libc, now: bigint): bigint {
  const excess = now - processIdentity(libc, PURPOSE);
  return BigInt.asUintN(64, now - BigInt.asUintN(IDENTITY_BITS, excess));
}

/** Returns whether both headers are of the same process. */
export function isSameProcess(a: FileHeader, b: FileHeader): boolean {
  return a.pid === b.pid &&
    BigInt.asUintN(IDENTITY_BITS, a.timestamp ^ b.timestamp) === 0n;
}

/** Returns whether a file begins with a dump header of the same process as `ours`. */
export function hasIdentity(file: OpenFile, ours: FileHeader): boolean {
  const bytes = new Uint8Array(new ArrayBuffer(FileHeader.size));
  if (file.readAt(bytes, 0) < bytes.length) return false;
  const found = FileHeader.unpack(bytes);
  return found.magic === JITDUMP_MAGIC && isSameProcess(found, ours);
}

/**
 * Reads the header of a dump; returns undefined if the file ends within it.
 *
 * @param ours A header of this process, which supplies the bytes that the file lacks.
 * @throws {Deno.errors.InvalidData} If the file is not a jitdump file of this version.
 */
export function readDumpHeader(
  file: OpenFile,
  ours: FileHeader,
): FileHeader | undefined {
  // Bytes beyond the end of the file keep the values of `ours`.
  const bytes = FileHeader.pack(ours) as Uint8Array<ArrayBuffer>;
  const size = file.readAt(bytes, 0);
  const header = FileHeader.unpack(bytes);
  if (header.magic !== JITDUMP_MAGIC) {
    refuse(file.path, "it is not a jitdump file");
  }
  if (header.version !== JITDUMP_VERSION) {
    refuse(file.path, `it is a jitdump file of version ${header.version}`);
  }
  return size === FileHeader.size ? header : undefined;
}

/**
 * Writes the header if the file has none, or only a part of one. A header that another
 * engine of this process has written gets the identity of the process.
 */
export function ensureDumpHeader(file: OpenFile, header: FileHeader): void {
  const found = readDumpHeader(file, header);
  if (found && isSameProcess(found, header)) return;
  const { timestamp } = header;
  const ours = FileHeader.pack(found ? { ...found, timestamp } : header);
  file.overwriteAt(ours, 0);
}

function refuse(path: string, reason: string): never {
  throw new Deno.errors.InvalidData(
    `Cannot append to "${path}": ${reason}. Choose another directory, or remove the file.`,
  );
}

/** Refuses a dump whose header would make perf misread records written for `ours`. */
export function requireCompatibleHeader(
  path: string,
  found: FileHeader,
  ours: FileHeader,
): void {
  if (found.flags !== 0n) {
    const flags = `0x${found.flags.toString(16)}`;
    refuse(
      path,
      `its timestamps are not from CLOCK_MONOTONIC (flags ${flags})`,
    );
  }
  if (found.elfMach !== ours.elfMach) {
    refuse(
      path,
      `its code is for ELF machine ${found.elfMach}, not ${ours.elfMach}`,
    );
  }
}
