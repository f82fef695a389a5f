/**
 * The file header of this process's dumps, and what to think of another one.
 *
 * @module
 */

import { type OpenFile, readAt, writeAllAt } from "../../ffi/file.ts";
import type { Libc } from "../../ffi/libc.ts";
import {
  FileHeader,
  JITDUMP_MAGIC,
  JITDUMP_VERSION,
} from "../format/file_header.ts";
import { processMark } from "./process_mark.ts";

/**
 * The low bits of a header's `timestamp`, about a millisecond, say which process it
 * is of: process ids come again, in a container soon, and nobody uses this time.
 */
const PROCESS_BITS = 20;

/**
 * The header of a dump that this process makes.
 *
 * @param elfMach The code's machine.
 * @param now Nanoseconds of CLOCK_MONOTONIC.
 */
export function makeDumpHeader(
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
    timestamp: markTime(libc, now),
    flags: 0n,
  };
}

/** The last time up to `now` that says which process it is of. */
function markTime(libc: Libc, now: bigint): bigint {
  const since = now - processMark(libc);
  return BigInt.asUintN(64, now - BigInt.asUintN(PROCESS_BITS, since));
}

/** Whether both headers are of one process. */
export function isSameProcess(a: FileHeader, b: FileHeader): boolean {
  return a.pid === b.pid &&
    BigInt.asUintN(PROCESS_BITS, a.timestamp ^ b.timestamp) === 0n;
}

/**
 * Reads the header of a dump; undefined where there is none, or only a part of one.
 *
 * @param ours What a header of this process is, to compare a part of one with.
 * @throws {Deno.errors.InvalidData} If the file is something else.
 */
export function readDumpHeader(
  libc: Libc,
  file: OpenFile,
  ours: FileHeader,
): FileHeader | undefined {
  // What is missing in the file stays as it would be.
  const bytes = FileHeader.pack(ours) as Uint8Array<ArrayBuffer>;
  const size = readAt(libc, file, bytes, 0);
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
 * Writes the header if the file has none, or what a full disk has left of one. Where an
 * engine of this process has written it, it comes to say so. The file is not in append
 * mode yet.
 */
export function ensureDumpHeader(
  libc: Libc,
  file: OpenFile,
  header: FileHeader,
): void {
  const found = readDumpHeader(libc, file, header);
  if (found && isSameProcess(found, header)) return;
  const { timestamp } = header;
  const ours = FileHeader.pack(found ? { ...found, timestamp } : header);
  writeAllAt(libc, file, ours, 0);
}

function refuse(path: string, reason: string): never {
  throw new Deno.errors.InvalidData(
    `Cannot append to "${path}": ${reason}. Choose another directory, or remove it if nobody needs it.`,
  );
}

/** Refuses a dump in which records under `ours` would be misread. */
export function requireSameMeaning(
  path: string,
  found: FileHeader,
  ours: FileHeader,
): void {
  if (found.flags !== 0n) {
    refuse(
      path,
      `its timestamps are not of CLOCK_MONOTONIC (flags 0x${
        found.flags.toString(16)
      })`,
    );
  }
  if (found.elfMach !== ours.elfMach) {
    refuse(
      path,
      `its code is for ELF machine ${found.elfMach}, not ${ours.elfMach}`,
    );
  }
}
