/**
 * Checks of a dump's name and header.
 *
 * @module
 */

import { FileHeader, JITDUMP_VERSION } from "../format/file_header.ts";
import { HOST_MACHINE } from "../format/machine.ts";
import { EVERY_PERF, type Findings, OTHER_READERS, PERF_6 } from "./finding.ts";
import { hex } from "./hex.ts";
import type { DumpHeader } from "./record_scanner.ts";

/** `JITDUMP_FLAGS_ARCH_TIMESTAMP`, the only flag that perf 6.1 to 7.2 accepts. */
export const ARCH_TIMESTAMP = 1n;

/** Maximum `total_size` of a header that perf 6.1 to 7.2 accepts. */
const LARGEST_HEADER = 2 * FileHeader.size;

const AT = FileHeader.offsets;

/** Returns the pid in a file name that perf recognizes; undefined for other names. */
export function pidOfName(path: string): number | undefined {
  const [, pid] = fileName(path).match(/^jit-(\d+)\.dump$/) ?? [];
  return pid === undefined ? undefined : Number(pid);
}

const fileName = (path: string) => path.slice(path.lastIndexOf("/") + 1);

/** Checks the file's name. A file whose name is not `jit-….dump` is treated as a copy. */
export function checkName(
  path: string,
  { pid }: DumpHeader,
  findings: Findings,
): void {
  const name = fileName(path);
  const namedPid = pidOfName(path);
  if (namedPid === undefined) {
    if (!/^jit-.*\.dump$/.test(name)) return;
    findings.error(
      "file name",
      0,
      EVERY_PERF,
      `perf ignores a mapped file named "${name}"`,
      `Name the file jit-${pid}.dump while the process runs.`,
    );
  } else if (namedPid !== pid) {
    findings.warning(
      "file pid",
      AT.pid,
      PERF_6,
      `the header has pid ${pid}, but the file name has ${namedPid}; perf ignores the file unless process ${namedPid} mapped it`,
      "Write the id of the process into both.",
    );
  }
}

/** Checks the fields of the header, except its size; see {@linkcode checkHeaderSize}. */
export function checkHeader(header: DumpHeader, findings: Findings): void {
  const { version, flags, elfMach } = header;
  if (version > JITDUMP_VERSION) {
    findings.error(
      "version",
      AT.version,
      EVERY_PERF,
      `perf inject refuses version ${version}, and stops`,
      `Write version ${JITDUMP_VERSION}, although the specification's title has version 2.`,
    );
  }
  if ((flags & ~ARCH_TIMESTAMP) !== 0n) {
    findings.error(
      "flags",
      AT.flags,
      EVERY_PERF,
      `perf inject refuses flags ${hex(flags)}, and stops`,
      "Set all bits but the first to 0.",
    );
  } else if (flags === ARCH_TIMESTAMP) {
    findings.warning(
      "processor timestamps",
      AT.flags,
      EVERY_PERF,
      "the flags declare timestamps in processor ticks; perf needs a recording with a clock conversion, and places functions at wrong times if the timestamps are nanoseconds",
      "Write nanoseconds of CLOCK_MONOTONIC with flags 0, and record with -k mono.",
    );
  }
  if (elfMach === 0) {
    findings.warning(
      "ELF machine",
      AT.elfMach,
      OTHER_READERS,
      "the ELF machine is 0; perf ignores the field, and other readers cannot disassemble the code",
      `Write the number of the machine, such as ${HOST_MACHINE} for this one.`,
    );
  } else if (elfMach !== HOST_MACHINE) {
    findings.warning(
      "ELF machine",
      AT.elfMach,
      EVERY_PERF,
      `the code is for ELF machine ${elfMach}, but this machine is ${HOST_MACHINE}; perf inject marks its images as code of the machine that it runs on`,
      "Run perf inject on a machine of the dump's kind.",
    );
  }
}

/**
 * Checks the header's size.
 *
 * @param firstRecord Byte offset of the first record.
 */
export function checkHeaderSize(
  { totalSize }: DumpHeader,
  firstRecord: number,
  findings: Findings,
): void {
  const { size } = FileHeader;
  if (totalSize === size) return;
  const remedy = `Write a header of ${size} bytes, and ${size} as its size.`;
  const declared = `the header's total_size is ${totalSize}`;
  if (totalSize > LARGEST_HEADER) {
    findings.error(
      "header size",
      AT.totalSize,
      EVERY_PERF,
      `${declared}; perf inject refuses more than ${LARGEST_HEADER}, and stops`,
      remedy,
    );
  } else if (totalSize > size && firstRecord !== size) {
    findings.error(
      "header size",
      AT.totalSize,
      EVERY_PERF,
      `${declared}; perf nevertheless reads records from byte ${size} on, and loses all of them`,
      remedy,
    );
  } else {
    findings.warning(
      "header size",
      AT.totalSize,
      OTHER_READERS,
      `${declared}, but records start at byte ${size}; perf ignores the field, and other readers may refuse the file`,
      remedy,
    );
  }
}
