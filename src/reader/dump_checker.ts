/**
 * What is wrong with a dump: all that perf or another reader would drop, misread or
 * merge without a word.
 *
 * What perf does is that of tools/perf/util/jitdump.c and genelf.c of Linux 6.1 to 6.12.
 *
 * @module
 */

import { JITDUMP_VERSION } from "../format/file_header.ts";
import { hex } from "./hex.ts";
import { RecordHeader, SKIPPED_RECORD_ID } from "../format/record.ts";
import {
  type CodeLoad,
  CodeMove,
  DebugInfo,
  type DumpRecord,
  recordName,
  UnwindingInfo,
} from "./dump_record.ts";
import type { CorruptRange } from "./recovering_reader.ts";
import { CodeMap, type Range } from "./code_map.ts";
import { type JoinedLoad, RecordJoin } from "./record_join.ts";
import type { DumpHeader, Tail } from "./record_scanner.ts";

/** Something that is wrong. */
export interface Finding {
  /** Where in the file. */
  readonly offset: number;
  /**
   * `"error"`: perf drops or misreads something. `"warning"`: it depends on the reader,
   * its version, or on what was meant.
   */
  readonly severity: "error" | "warning";
  /** What kind of fault it is, in a word or two. */
  readonly rule: string;
  /** What is wrong, and what comes of it. */
  readonly message: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** `JITDUMP_FLAGS_ARCH_TIMESTAMP`, the one flag that perf knows. */
const ARCH_TIMESTAMP = 1n;

/** perf holds a code's size in a C int. */
const LARGEST_CODE = 2 ** 31 - 1;

/** The first byte of an `.eh_frame_hdr` is its version. */
const EH_FRAME_HDR_VERSION = 1;

/** V8 adds the size of an ELF header to each line's address. */
const V8_SHIFT = 0x40n;

/** So many functions of V8's may have their first line late by chance. */
const FEW = 3;

/** perf puts the tables behind the code at the next multiple of this. */
const TABLE_ALIGNMENT = 8;

/** A function that is where it is until something else is there. */
interface LiveFunction extends Range {
  readonly name: string;
  readonly offset: number;
  /** The first address behind its unwinding tables, which perf maps too. */
  readonly mappedEnd: bigint;
}

/** Looks at one record of a dump after the other. */
export class DumpChecker {
  readonly #header: DumpHeader;
  readonly #map = new CodeMap<LiveFunction>();
  readonly #join = new RecordJoin();
  readonly #offsetByIndex = new Map<bigint, number>();
  readonly #withTables = new Set<bigint>();
  readonly #byIndex = new Map<bigint, LiveFunction>();
  readonly #offsetByCode = new Map<string, number>();
  readonly #lastTime = new Map<number, bigint>();
  /** The lines and the unwind info since the last load. */
  #lines: DebugInfo | undefined;
  #tables: UnwindingInfo | undefined;
  #isBehindHeaderOnly = false;
  readonly #lateLines = { offset: 0, count: 0, ofV8: 0 };
  #hasEarlyLines = false;
  #findings: Finding[] = [];

  constructor(header: DumpHeader) {
    this.#header = header;
  }

  /**
   * Looks at the file's name and header.
   *
   * @param path The file's path; perf takes no notice of a wrong name.
   */
  checkHeader(path: string): Finding[] {
    const { version, flags, pid } = this.#header;
    const name = path.slice(path.lastIndexOf("/") + 1);
    const [, namedPid] = name.match(/^jit-(\d+)\.dump$/) ?? [];
    if (namedPid === undefined) {
      this.#error(
        0,
        "file name",
        `perf takes no notice of a file called "${name}"`,
        `Call it jit-${pid}.dump while the program runs.`,
      );
    } else if (Number(namedPid) !== pid) {
      this.#error(
        20,
        "file pid",
        `the header is of process ${pid}, and the name of ${namedPid}; perf looks for the name of the process that it has seen`,
        `Call it jit-${pid}.dump, or write the process's own id.`,
      );
    }
    if (version !== JITDUMP_VERSION) {
      this.#error(
        4,
        "version",
        `perf refuses version ${version}`,
        `Write ${JITDUMP_VERSION}, whatever the specification's title says.`,
      );
    }
    if ((flags & ~ARCH_TIMESTAMP) !== 0n) {
      this.#error(
        32,
        "flags",
        `perf refuses the file for its flags, 0x${flags.toString(16)}`,
        "Set all bits but the first to 0.",
      );
    } else if (flags === ARCH_TIMESTAMP) {
      this.#warning(
        32,
        "arch timestamps",
        "times are ticks of the machine's counter; perf must have recorded with the same",
        "Write nanoseconds of CLOCK_MONOTONIC, and record with -k mono.",
      );
    }
    return this.#take();
  }

  /** Looks at the next record. */
  check(record: DumpRecord): Finding[] {
    // No reader of perf's kind takes it; the tail is reported at the end.
    if (!record.isComplete) return [];
    this.#checkFrame(record);
    const joined = this.#join.add(record);
    if (record instanceof DebugInfo) {
      this.#dropPending(this.#lines, "lines");
      this.#lines = record;
      if (record.nrEntry === 0) {
        this.#warning(
          record.offset,
          "no lines",
          "the record has no entries",
          "Write none at all.",
        );
      }
    } else if (record instanceof UnwindingInfo) {
      this.#dropPending(this.#tables, "unwinding tables");
      this.#tables = record;
      this.#checkTables(record);
    } else if (joined) {
      this.#checkLoad(joined);
      this.#lines = undefined;
      this.#tables = undefined;
    } else if (record instanceof CodeMove) {
      this.#checkMove(record);
    }
    return this.#take();
  }

  /** Takes note of what could not be read. */
  checkCorruptRange({ offset, problem, end }: CorruptRange): Finding[] {
    this.#error(
      offset,
      "malformed record",
      `${problem}; ${
        end === undefined
          ? "no record was found behind it"
          : `the next one is at byte ${end}`
      }. perf goes on where it says, or stops`,
      "Correct what wrote it. (V8 says a wrong size of lines where code of several files is inlined.) jitdump report reads on.",
    );
    return this.#take();
  }

  /** Looks at the end of the file. */
  checkEnd(tail: Tail | undefined): Finding[] {
    if (!tail) {
      this.#dropPending(this.#lines, "lines");
      this.#dropPending(this.#tables, "unwinding tables");
    }
    this.#checkLateLines();
    if (tail?.kind === "cut") {
      this.#warning(
        tail.offset,
        "torn tail",
        "the file ends within a record: its writer has died in it, or is not done",
        "Readers end before it, so nothing needs to be done. But nothing may be appended to the file.",
      );
    } else if (tail) {
      this.#warning(
        tail.offset,
        "zero tail",
        "the file goes on with zeros: its writer has died, or is not done",
        "perf ends before them, so nothing needs to be done. samply, which follows a file, misreads them.",
      );
    }
    return this.#take();
  }

  /** What concerns a record of any kind. */
  #checkFrame(record: DumpRecord): void {
    const { offset, id, totalSize } = record;
    if (this.#isBehindHeaderOnly) return;
    if (totalSize === RecordHeader.size) {
      this.#error(
        offset,
        "header only",
        "perf reads nothing behind a record that is only a header",
        "Give it some bytes of padding.",
      );
      this.#isBehindHeaderOnly = true;
    }
    if (id === SKIPPED_RECORD_ID) {
      this.#warning(
        offset,
        "skipped record",
        "a record found no room, on a full disk or at the file's size limit",
        "Make room. What follows is whole.",
      );
    } else if (recordName(id).includes("unknown")) {
      this.#warning(
        offset,
        "unknown record",
        `readers skip a record of id ${id}`,
        "Write what the specification knows.",
      );
    }
  }

  #checkTime(offset: number, tid: number, time: bigint): void {
    const last = this.#lastTime.get(tid);
    if (last !== undefined && time < last) {
      this.#warning(
        offset,
        "time",
        `it happened at ${time}, before ${last}, when the thread's last record did`,
        "Write each thread's records in the order of their times.",
      );
    }
    this.#lastTime.set(tid, time);
  }

  #checkLoad({ load, unwinding, precedingLines }: JoinedLoad): void {
    const { offset, pid, tid, codeIndex, codeAddr, codeSize, timestamp } = load;
    const name = load.functionName;
    this.#checkTime(offset, tid, timestamp);
    if (pid !== this.#header.pid) {
      this.#error(
        offset + 16,
        "record pid",
        `"${name}" is said to be of process ${pid}, and the file of ${this.#header.pid}; perf gives it to ${pid}`,
        "Write the id of the process that runs it.",
      );
    }
    const other = this.#offsetByIndex.get(codeIndex);
    if (other !== undefined) {
      this.#error(
        offset + 48,
        "code index",
        `"${name}" has number ${codeIndex}, as the function at byte ${other} has; perf writes both images to one file`,
        "Give each function of a process a number of its own.",
      );
    }
    this.#offsetByIndex.set(codeIndex, offset);
    if (unwinding && unwinding.ehFrame.length > 0) {
      this.#withTables.add(codeIndex);
    }
    if (codeSize === 0 || codeSize > LARGEST_CODE) {
      this.#error(
        offset + 40,
        "code size",
        codeSize === 0
          ? `"${name}" has no code, so no sample can be in it`
          : `"${name}" has ${codeSize} bytes of code, and perf holds the size in an int`,
        `Write from 1 to ${LARGEST_CODE} bytes.`,
      );
      return;
    }
    this.#checkCode(load, name);
    if (precedingLines) this.#checkLines(precedingLines, load, name);
    const fn: LiveFunction = {
      name,
      offset,
      start: codeAddr,
      end: codeAddr + BigInt(codeSize),
      mappedEnd: mappedEnd(load, unwinding),
    };
    this.#takePlace(fn, timestamp);
    this.#byIndex.set(codeIndex, fn);
  }

  /** Whether others have the same code. */
  #checkCode({ offset, code }: CodeLoad, name: string): void {
    const hash = `${code.length} ${hashOf(code)}`;
    const other = this.#offsetByCode.get(hash);
    if (other === undefined) {
      this.#offsetByCode.set(hash, offset);
      return;
    }
    this.#warning(
      offset,
      "identical code",
      `"${name}" has the same code as the function at byte ${other}; perf of 2025 and later shows both under one name`,
      "Let the code differ: this module's writer puts a number behind it if it is given `padding: 8`.",
    );
  }

  #checkLines(info: DebugInfo, load: CodeLoad, name: string): void {
    const { offset, codeAddr, entries } = info;
    const start = load.codeAddr;
    const end = start + BigInt(load.codeSize);
    if (codeAddr !== start) {
      this.#error(
        offset + 16,
        "lines of another",
        `they are of the code at ${
          hex(codeAddr)
        }, and perf gives them to "${name}" at ${
          hex(start)
        }, the next in the file`,
        "Write a function's records one behind the other, in one piece.",
      );
      return;
    }
    if (entries.length === 0) return;
    const addresses = entries.map(({ codeAddr }) => codeAddr);
    const least = addresses.reduce((a, b) => a < b ? a : b);
    const most = addresses.reduce((a, b) => a > b ? a : b);
    this.#countLateLines(offset, least >= start + V8_SHIFT, name);
    if (least < start || most > end) {
      const isShifted = least >= start + V8_SHIFT && most - V8_SHIFT <= end;
      this.#error(
        offset,
        isShifted ? "shifted lines" : "lines beyond",
        isShifted
          ? `the lines of "${name}" are 0x40 bytes too far on, as V8 writes them; perf shows each where another is`
          : `the lines of "${name}" go from ${hex(least)} to ${
            hex(most)
          }, and its code from ${hex(start)} to ${hex(end)}`,
        isShifted
          ? "Write plain addresses; perf adds the offset itself."
          : "Write addresses of the function's code.",
      );
    } else if (addresses.some((address, i) => address < addresses[i - 1])) {
      this.#warning(
        offset,
        "order of lines",
        `the lines of "${name}" are not in the order of their addresses`,
        "Sort them.",
      );
    } else if (most < end) {
      this.#warning(
        offset,
        "last line",
        `perf ends the lines of "${name}" at ${
          hex(most)
        }, where the last begins, and the code goes on to ${hex(end)}`,
        "Write one more entry at the code's end.",
      );
    }
  }

  /** V8's lines all begin late, and few of them end behind the code. */
  #countLateLines(offset: number, isLate: boolean, name: string): void {
    const late = this.#lateLines;
    if (!isLate) this.#hasEarlyLines = true;
    else if (late.count++ === 0) late.offset = offset;
    if (isLate && name.startsWith("JS:")) late.ofV8++;
  }

  #checkLateLines(): void {
    const { count, offset, ofV8 } = this.#lateLines;
    if (this.#hasEarlyLines || ofV8 < FEW) return;
    this.#error(
      offset,
      "shifted lines",
      `${count} functions have lines, and none for the first 0x40 bytes: V8 adds 0x40 to each address, so perf shows every line 0x40 bytes too late`,
      "Read each line as that of the code 0x40 bytes earlier.",
    );
  }

  #checkTables(info: UnwindingInfo): void {
    const { offset, ehFrame, ehFrameHdr, ehFrameHdrSize, mappedSize } = info;
    if (ehFrameHdrSize === 0) {
      this.#error(
        offset + 24,
        "no .eh_frame_hdr",
        "perf does not forget tables without a header, and gives them to the functions that follow too",
        "Write a header after .eh_frame.",
      );
      return;
    }
    const data = info.bytes.subarray(-info.unwindingSize);
    if (
      ehFrameHdr[0] !== EH_FRAME_HDR_VERSION &&
      data[0] === EH_FRAME_HDR_VERSION
    ) {
      this.#error(
        offset + 40,
        "order of tables",
        ".eh_frame_hdr comes first, and perf takes the start for .eh_frame, whatever the specification says",
        "Write .eh_frame first.",
      );
    } else if (ehFrameHdr[0] !== EH_FRAME_HDR_VERSION) {
      this.#error(
        offset + 40 + ehFrame.length,
        ".eh_frame_hdr",
        `its version is ${
          ehFrameHdr[0]
        }, and should be ${EH_FRAME_HDR_VERSION}`,
        "Write .eh_frame, then .eh_frame_hdr, and their sizes.",
      );
    }
    if (mappedSize < info.unwindingSize && ehFrame.length > 0) {
      this.#warning(
        offset + 32,
        "mapped size",
        `perf maps ${mappedSize} of the tables' ${info.unwindingSize} bytes, so libunwind does not find all of them`,
        "Write the size of the tables, and leave so much room behind the code.",
      );
    }
  }

  /** Puts a function where it is; others may be there, or in its tables' place. */
  #takePlace(fn: LiveFunction, time: bigint): void {
    const { offset, name, start, end } = fn;
    for (const { owner: other } of this.#map.put(fn, fn, time)) {
      // At the same address it has taken the other's place, as memory is used again.
      if (other.start === start) continue;
      this.#warning(
        offset,
        "overlap",
        `"${name}" (${hex(start)} to ${
          hex(end)
        }) is where a part of "${other.name}" at byte ${other.offset} is (${
          hex(other.start)
        } to ${hex(other.end)}); perf gives samples there to the later one`,
        "If the other one is gone, nothing needs to be done. Otherwise correct the addresses or sizes.",
      );
    }
    // What is left of overlapped code is no neighbour.
    const next = this.#map.firstFrom(end)?.owner;
    if (next && next.start >= end && next.start < fn.mappedEnd) {
      this.#reportTables(offset, name, next.name, fn.mappedEnd);
    }
    const previous = this.#map.lastBefore(start)?.owner;
    if (previous && previous.end <= start && previous.mappedEnd > start) {
      this.#reportTables(offset, previous.name, name, previous.mappedEnd);
    }
  }

  #reportTables(
    offset: number,
    owner: string,
    neighbour: string,
    end: bigint,
  ): void {
    this.#warning(
      offset,
      "room for tables",
      `perf maps the unwinding tables of "${owner}" behind its code, up to ${
        hex(end)
      }, where "${neighbour}" is`,
      "Leave as much room behind the code as mapped_size says (this module's unwindingSpace()).",
    );
  }

  #checkMove(move: CodeMove): void {
    const { offset, tid, codeIndex, oldCodeAddr, newCodeAddr, codeSize } = move;
    this.#checkTime(offset, tid, move.timestamp);
    if (!this.#offsetByIndex.has(codeIndex)) {
      this.#error(
        offset + 56,
        "move of nothing",
        `no function before it has number ${codeIndex}, so perf has no image to move`,
        "Write the function's JIT_CODE_LOAD first, and its number here.",
      );
    }
    if (this.#withTables.has(codeIndex)) {
      this.#warning(
        offset,
        "moved tables",
        `function ${codeIndex} has unwinding tables, which perf does not move with the code; --call-graph dwarf ends there`,
        "Write the function anew at its new address, with its tables.",
      );
    }
    const moved = this.#byIndex.get(codeIndex);
    if (!moved || codeSize === 0) return;
    const size = BigInt(codeSize);
    // A part of it is enough, as padding need not move.
    if (moved.start !== oldCodeAddr || moved.end - moved.start < size) {
      this.#warning(
        offset,
        "move from elsewhere",
        `"${moved.name}" is at ${hex(moved.start)}, ${
          moved.end - moved.start
        } bytes, and is said to move from ${hex(oldCodeAddr)}, ${size} bytes`,
        "Write where the function was, and its size.",
      );
    }
    this.#map.remove(moved, moved);
    const end = newCodeAddr + size;
    const { name } = moved;
    const fn = { name, offset, start: newCodeAddr, end, mappedEnd: end };
    this.#takePlace(fn, move.timestamp);
    this.#byIndex.set(codeIndex, fn);
  }

  /** Records that should have come before a function, and do not. */
  #dropPending(record: DumpRecord | undefined, what: string): void {
    if (!record) return;
    this.#error(
      record.offset,
      "no function",
      `${what} belong to the next function in the file, and none comes before the next ${what} or the end`,
      "Write them right before their function's JIT_CODE_LOAD.",
    );
  }

  #error(offset: number, rule: string, message: string, remedy: string): void {
    this.#findings.push({ offset, severity: "error", rule, message, remedy });
  }

  #warning(
    offset: number,
    rule: string,
    message: string,
    remedy: string,
  ): void {
    this.#findings.push({ offset, severity: "warning", rule, message, remedy });
  }

  #take(): Finding[] {
    const findings = this.#findings;
    this.#findings = [];
    return findings;
  }
}

/** The first address behind what perf maps for a function. */
function mappedEnd(load: CodeLoad, tables: UnwindingInfo | undefined): bigint {
  const end = load.codeAddr + BigInt(load.codeSize);
  if (!tables || tables.mappedSize === 0n) return end;
  const size = Math.ceil(load.codeSize / TABLE_ALIGNMENT) * TABLE_ALIGNMENT;
  return load.codeAddr + BigInt(size) + tables.mappedSize;
}

/** Two hashes of the bytes in the manner of FNV-1a, each of 32 bits. */
function hashOf(bytes: Uint8Array): string {
  let [a, b] = [0x811c_9dc5, 0x0123_4567];
  for (let i = 0; i < bytes.length; i++) {
    a = Math.imul(a ^ bytes[i], 0x0100_0193);
    b = Math.imul(b ^ bytes[i], 0x0500_0075);
  }
  return `${a >>> 0} ${b >>> 0}`;
}
