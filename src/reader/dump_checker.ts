/**
 * Checks of a dump, record by record.
 *
 * Each finding was seen with the versions of perf that it applies to; the tests run these.
 * "perf" without a version means perf 6.1, 6.12 and 7.2.
 *
 * @module
 */

import { FileHeader } from "../format/file_header.ts";
import {
  CodeLoadRecord,
  CodeMoveRecord,
  RecordHeader,
  SKIPPED_RECORD_ID,
} from "../format/record.ts";
import {
  CodeLoad,
  CodeMove,
  DebugInfo,
  type DumpRecord,
  recordName,
  UnwindingInfo,
} from "./dump_record.ts";
import {
  EVERY_PERF,
  type Finding,
  Findings,
  PERF_6,
  PERF_6_1,
  PERF_7,
} from "./finding.ts";
import {
  ARCH_TIMESTAMP,
  checkHeader,
  checkHeaderSize,
  checkName,
  pidOfName,
} from "./header_checks.ts";
import { LineChecks } from "./line_checks.ts";
import { AddressChecks } from "./address_checks.ts";
import { type JoinedLoad, RecordJoin } from "./record_join.ts";
import type { DumpHeader, Tail } from "./record_scanner.ts";
import type { CorruptRange } from "./recovering_reader.ts";
import { type Shift, shiftOfLoad } from "./shifted_load.ts";
import { UnwindChecks } from "./unwind_checks.ts";

/** Maximum size of code in bytes: perf 6.1 to 7.2 stores it in a C `int`. */
const LARGEST_CODE = 2 ** 31 - 1;

/** Minimum timestamp of wall-clock time: as time since boot, it would be 31 years. */
const WALL_CLOCK = 10n ** 18n;

/** The only directory in whose images perf 7.2 finds unwind info. */
const UNWOUND_DIRECTORY = "/tmp/";

const LOAD = CodeLoadRecord.offsets;
const MOVE = CodeMoveRecord.offsets;

/** The start of a JIT_CODE_LOAD that cannot be parsed. */
export interface CorruptLoad {
  /** Byte offset of the record in the file. */
  readonly offset: number;
  /** The size in its header. */
  readonly totalSize: number;
  /** Its first bytes. */
  readonly bytes: Uint8Array;
}

/** Checks the records of a dump one by one. */
export class DumpChecker {
  readonly #header: DumpHeader;
  readonly #path: string;
  readonly #findings = new Findings();
  readonly #join = new RecordJoin();
  readonly #lines: LineChecks;
  readonly #unwind: UnwindChecks;
  readonly #addresses: AddressChecks;
  readonly #offsetByIndex = new Map<bigint, number>();
  #isFirst = true;
  /** A record that is only a header, and whether a finding reports it. */
  #headerOnly: { record: DumpRecord; isReported: boolean } | undefined;
  /** The last record, if it is incomplete. */
  #incomplete: DumpRecord | undefined;

  /** @param path The absolute path; perf uses the file's name and its directory. */
  constructor(header: DumpHeader, path: string) {
    this.#header = header;
    this.#path = path;
    // A file with another name is a copy, and its directory does not matter.
    const directory = path.slice(0, path.lastIndexOf("/") + 1);
    const isLost = pidOfName(path) !== undefined &&
      directory !== UNWOUND_DIRECTORY;
    this.#lines = new LineChecks(header, this.#findings);
    this.#unwind = new UnwindChecks(isLost, this.#findings);
    this.#addresses = new AddressChecks(this.#findings);
  }

  /** Checks the file's name and header. */
  checkHeader(): Finding[] {
    checkName(this.#path, this.#header, this.#findings);
    checkHeader(this.#header, this.#findings);
    return this.#findings.take();
  }

  /** Checks the next record. */
  check(record: DumpRecord): Finding[] {
    this.#begin(record.offset);
    this.#incomplete = record.isComplete ? undefined : record;
    const shift = record instanceof CodeLoad && record.isComplete
      ? shiftOfLoad(record.bytes, record.totalSize, this.#header.littleEndian)
      : undefined;
    if (shift !== undefined) {
      this.#reportShift(record.offset, shift);
      return this.#findings.take();
    }
    const joined = this.#join.add(record);
    if (joined) {
      this.#checkLoad(joined);
    } else if (record instanceof DebugInfo) {
      this.#lines.checkRecord(record);
    } else if (record instanceof UnwindingInfo) {
      this.#unwind.check(record);
    } else if (record instanceof CodeMove) {
      this.#checkMove(record);
    } else if (record.id === SKIPPED_RECORD_ID) {
      this.#findings.warning(
        "skipped record",
        record.offset,
        EVERY_PERF,
        "a record did not fit on the disk, or exceeded the process's file size limit; its function is missing",
        "Free space on the disk. The following records are whole.",
      );
    }
    if (record.totalSize === RecordHeader.size && !this.#headerOnly) {
      this.#headerOnly = { record, isReported: false };
    }
    return this.#findings.take();
  }

  /**
   * Checks a corrupt range.
   *
   * @param load The JIT_CODE_LOAD with the corrupt range, if it is in one.
   */
  checkCorruptRange(
    { offset, problem, end }: CorruptRange,
    load?: CorruptLoad,
  ): Finding[] {
    // The header's size is checked with the first record.
    if (offset === FileHeader.offsets.totalSize) return [];
    this.#suppress();
    const partial = this.#incomplete;
    this.#begin(partial?.offset ?? offset);
    this.#incomplete = undefined;
    const shift = load && shiftOfLoad(
      load.bytes,
      load.totalSize,
      this.#header.littleEndian,
    );
    if (load && shift !== undefined) {
      this.#reportShift(load.offset, shift);
    } else if (
      partial && end !== undefined && partial.offset + partial.usedSize > end
    ) {
      this.#findings.error(
        "partial record",
        partial.offset,
        EVERY_PERF,
        `only ${end - partial.offset} of the ${partial.totalSize} bytes of a ${
          recordName(partial.id)
        } record were written; perf reads the following records as the rest, and loses them`,
        "Write each record with one write(), or truncate the file after a partial write. jitdump report reads all whole records.",
      );
    } else {
      this.#findings.error(
        "malformed record",
        offset,
        EVERY_PERF,
        `${problem}; ${
          end === undefined
            ? "no record follows"
            : `the next record is at byte ${end}`
        }. perf loses records from here on, or crashes`,
        "Correct the writer. (V8 writes a wrong size for lines of inlined functions.) jitdump report reads all whole records.",
      );
    }
    return this.#findings.take();
  }

  /** Checks the end of the file. */
  checkEnd(tail: Tail | undefined): Finding[] {
    if (this.#isFirst) this.#begin(this.#header.totalSize);
    if (tail?.kind === "cut") {
      const { offset } = tail;
      const record = this.#incomplete;
      const what = record instanceof CodeLoad
        ? `the JIT_CODE_LOAD of "${record.functionName}"; perf drops this function`
        : "a record; perf drops it";
      this.#findings.error(
        "partial record",
        offset,
        EVERY_PERF,
        `the file ends within ${what}, and functions recorded later are missing`,
        "Let the writer finish: close the dump before the process ends. jitdump report reads the name and the address.",
      );
    } else if (!tail) {
      for (const lines of this.#join.unclaimedLines) {
        this.#lines.reportUnclaimed(lines);
      }
      this.#unwind.checkEnd();
    }
    return [...this.#findings.take(), ...this.#lines.checkEnd()];
  }

  /** Handles the start of a record or of a corrupt range. */
  #begin(offset: number): void {
    if (this.#isFirst) checkHeaderSize(this.#header, offset, this.#findings);
    this.#isFirst = false;
    const before = this.#headerOnly;
    if (!before || before.isReported) return;
    before.isReported = true;
    this.#findings.error(
      "header-only record",
      before.record.offset,
      EVERY_PERF,
      `a ${
        recordName(before.record.id)
      } of ${RecordHeader.size} bytes precedes other records; perf reads nothing after it`,
      "Add at least one byte of padding to the record.",
    );
  }

  /** Suppresses findings about the records of a load that cannot be read. */
  #suppress(): void {
    this.#lines.suppress();
    this.#unwind.load();
  }

  #reportShift(offset: number, shift: Shift): void {
    this.#suppress();
    this.#findings.error(
      "shifted fields",
      offset,
      EVERY_PERF,
      `the fields of a JIT_CODE_LOAD are ${Math.abs(shift)} bytes too ${
        shift > 0 ? "late" : "early"
      }; perf reads a wrong size, code index and name`,
      `Write the fields without ${
        shift > 0 ? "an additional" : "leaving out an"
      } 8-byte field: pid, tid, vma, code_addr, code_size, code_index, name.`,
    );
  }

  #checkLoad(joined: JoinedLoad): void {
    const { load, unwinding } = joined;
    this.#unwind.load();
    this.#lines.checkLoad(joined);
    // checkEnd() reports it.
    if (!load.isComplete) return;
    const { offset, pid, codeIndex, codeSize, functionName: name } = load;
    this.#checkTime(load, name);
    if (pid !== this.#header.pid) {
      this.#findings.error(
        "record pid",
        offset + LOAD.pid,
        PERF_6,
        `"${name}" has pid ${pid}, but the header has pid ${this.#header.pid}; perf adds the function to process ${pid}`,
        "Write the id of the process that runs the function.",
      );
    }
    const other = this.#offsetByIndex.get(codeIndex);
    if (other !== undefined) {
      this.#findings.error(
        "code index",
        offset + LOAD.codeIndex,
        EVERY_PERF,
        `"${name}" has code index ${codeIndex}, as has the function at byte ${other}; perf writes one image for both, and shows both as one function`,
        "Write a separate code index for each function of a process.",
      );
    }
    this.#offsetByIndex.set(codeIndex, offset);
    if (codeSize === 0) {
      this.#findings.error(
        "code size",
        offset + LOAD.codeSize,
        PERF_6_1,
        `"${name}" has code_size 0; perf inject hangs, or hides the function at its address`,
        "Write no record for a function without code.",
      );
      return;
    }
    if (codeSize > LARGEST_CODE) {
      this.#findings.error(
        "code size",
        offset + LOAD.codeSize,
        EVERY_PERF,
        `"${name}" has ${codeSize} bytes of code; perf drops it, and perf 7.2 crashes`,
        `Write at most ${LARGEST_CODE} bytes.`,
      );
      return;
    }
    if (load.code.length < codeSize) {
      this.#findings.error(
        "no code bytes",
        offset + LOAD.codeSize,
        EVERY_PERF,
        `"${name}" has code_size ${codeSize} and no code; perf shows its name and samples, but perf annotate shows bytes that are not its code`,
        "Write the code after the name.",
      );
    }
    this.#addresses.load(load, unwinding);
  }

  #checkTime({ offset, timestamp }: CodeLoad, name: string): void {
    if (this.#header.flags === ARCH_TIMESTAMP) return;
    const isZero = timestamp === 0n;
    if (!isZero && timestamp < WALL_CLOCK) return;
    this.#findings.error(
      "timestamp",
      offset + RecordHeader.offsets.timestamp,
      EVERY_PERF,
      isZero
        ? `"${name}" has timestamp 0, before its process starts; perf discards the function`
        : `"${name}" has timestamp ${timestamp}, which looks like wall-clock time; perf places the function after all samples`,
      "Write nanoseconds of CLOCK_MONOTONIC.",
    );
  }

  #checkMove(move: CodeMove): void {
    const { offset, codeIndex, newCodeAddr, codeSize, timestamp } = move;
    const again = "Write a new JIT_CODE_LOAD with a new code index instead.";
    this.#findings.error(
      "move",
      offset,
      PERF_7,
      "a JIT_CODE_MOVE crashes perf inject (7.2.13 and 7.3-rc7)",
      again,
    );
    if (!this.#offsetByIndex.has(codeIndex)) {
      this.#findings.error(
        "move without function",
        offset + MOVE.codeIndex,
        PERF_6,
        `no function with code index ${codeIndex} is recorded before its JIT_CODE_MOVE; perf maps an image that does not exist, and shows no names there`,
        again,
      );
    }
    if (codeSize === 0) return;
    const end = newCodeAddr + BigInt(codeSize);
    const range = { offset, start: newCodeAddr, end };
    this.#addresses.move(codeIndex, range, timestamp);
  }
}
