/**
 * Estimation of the certainty that a record starts at a position.
 *
 * @module
 */

import {
  CodeLoadRecord,
  CodeMoveRecord,
  DebugEntry,
  DebugInfoRecord,
  RecordHeader,
  RecordId,
  SKIPPED_RECORD_ID,
  UnwindingInfoRecord,
} from "../format/record.ts";
import type { DumpRecord, Window } from "./dump_record.ts";

/** Maximum time of a record before the first, or after the last, record read, in ns. */
const EARLIER = 10e9;
const LATER = 24 * 3600e9;

/** Maximum size of a JIT_CODE_CLOSE. */
const LARGEST_CLOSE = 4096;

/** Maximum size of a record of an id that has not been read before. */
const LARGEST_OTHER = 64 * 1024;

/** Maximum length of a name. */
const LONGEST_NAME = 64 * 1024;

/** Maximum number of checked entries of a JIT_CODE_DEBUG_INFO, and length of their names. */
const CHECKED_ENTRIES = 8;
const LONGEST_FILE = 4096;

/** Maximum size of code, and distance of a line entry from its function. */
const LARGEST_CODE = 2 ** 31;

/** Alignment in bytes to which writers may pad records. */
export const ALIGNMENT = 8;

/** Maximum number of unknown ids that are noted. */
const MOST_IDS = 16;

/** Number of bytes needed to check a position. */
export const MARGIN = CodeLoadRecord.size + LONGEST_NAME + 1;

/**
 * Certainty that a record starts at a position: `"certain"` if fields that depend on each
 * other agree, `"possible"` if none of them has an impossible value.
 */
export type Certainty = "none" | "possible" | "certain";

/** A record's first two fields. */
interface Head {
  readonly id: number;
  readonly size: number;
}

/** Estimates certainties, also by the times and the ids of the records that have been read. */
export class RecordCertainty {
  readonly #littleEndian: boolean;
  /** The times of the records that have been read. */
  #firstTime: number | undefined;
  #lastTime = 0;
  /** Least and greatest upper 32 bits of a timestamp. */
  #leastHigh = 0;
  #mostHigh = 0xffff_ffff;
  /** Greatest most significant byte of a timestamp. */
  #mostTop = 0xff;
  /** Unknown ids that have been read. */
  readonly #otherIds = new Set<number>();
  /** Table of byte values: 1 for the lowest byte of each id that is known or has been read. */
  readonly #isLowByte = new Uint8Array(256);

  constructor(littleEndian: boolean) {
    this.#littleEndian = littleEndian;
    for (const id of KNOWN_IDS) this.#isLowByte[id & 0xff] = 1;
  }

  /** Notes the time and the id of a record that was read, because others have similar ones. */
  note({ id, timestamp }: DumpRecord): void {
    if (!isKnown(id)) {
      if (this.#otherIds.size >= MOST_IDS) return;
      this.#otherIds.add(id);
      this.#isLowByte[id & 0xff] = 1;
      return;
    }
    if (timestamp === 0n) return;
    const time = Number(timestamp);
    this.#firstTime = Math.min(time, this.#firstTime ?? time);
    this.#lastTime = Math.max(time, this.#lastTime);
    this.#leastHigh = Math.floor(
      Math.max(0, this.#firstTime - EARLIER) / 2 ** 32,
    );
    const mostHigh = Math.floor((this.#lastTime + LATER) / 2 ** 32);
    this.#mostHigh = Math.min(mostHigh, 0xffff_ffff);
    this.#mostTop = this.#mostHigh >>> 24;
  }

  /**
   * Returns the first position, from `start` up to and including `last`, at which a
   * timestamp may be that of a record; `last + 1` if there is none. Positions are offsets
   * in `bytes`.
   */
  skip(bytes: Uint8Array, start: number, last: number): number {
    const { timestamp } = RecordHeader.offsets;
    const top = timestamp + (this.#littleEndian ? 7 : 0);
    const most = this.#mostTop;
    let at = start;
    while (at <= last && bytes[at + top] > most) at++;
    return at;
  }

  /**
   * Returns the certainty for a position, at which the window contains a record's header at
   * least. Fields beyond the window do not make a record certain.
   */
  at(window: Window, at: number): Certainty {
    const { bytes, view, offset } = window;
    const start = at - offset;
    const low = this.#littleEndian ? start : start + 3;
    const isLow = this.#isLowByte[bytes[low]] === 1;
    if (!isLow && !this.#isNearHigh(view, start)) return "none";
    const head = this.#headOf(view, start);
    if (head.size < RecordHeader.size) return "none";
    if (isKnown(head.id)) {
      return this.#isNear(view, start)
        ? this.#ofKnown(window, start, head)
        : "none";
    }
    if (this.#otherIds.has(head.id)) {
      return this.#isNear(view, start) ? "possible" : "none";
    }
    const isPossible = this.#firstTime !== undefined &&
      head.size <= LARGEST_OTHER && this.#isNearHigh(view, start) &&
      this.#isNear(view, start);
    return isPossible ? "possible" : "none";
  }

  /**
   * Returns whether a record's size can be right. Its id may be unknown, and some of its
   * other fields may be wrong.
   */
  canLead(window: Window, at: number): boolean {
    const { view, offset } = window;
    const start = at - offset;
    const head = this.#headOf(view, start);
    if (head.size < RecordHeader.size || !this.#isNear(view, start)) {
      return false;
    }
    return !isKnown(head.id) || this.#isPlausible(window, start, head);
  }

  /** Returns whether the last bytes of a file can be an incomplete header. */
  canBegin({ bytes, view, offset }: Window, at: number, end: number): boolean {
    const start = at - offset;
    if (end - at < RecordHeader.offsets.totalSize) {
      return !this.#littleEndian || this.#isLowByte[bytes[start]] === 1;
    }
    const id = view.getUint32(start, this.#littleEndian);
    return isKnown(id) || this.#otherIds.has(id);
  }

  /** Returns whether the record at a position has an unknown id. */
  isOther({ view, offset }: Window, at: number): boolean {
    return !isKnown(this.#headOf(view, at - offset).id);
  }

  #ofKnown(window: Window, start: number, head: Head): Certainty {
    const { id, size } = head;
    if (id === RecordId.JitCodeLoad) return this.#ofLoad(window, start, size);
    if (id === RecordId.JitCodeDebugInfo) {
      return this.#ofLines(window, start, size);
    }
    if (!this.#isPlausible(window, start, head)) return "none";
    if (id === RecordId.JitCodeMove) return this.#ofMove(window, start, size);
    if (id !== RecordId.JitCodeUnwindingInfo) return "possible";
    const field = start + UnwindingInfoRecord.offsets.unwindingSize;
    if (window.bytes.length < start + UnwindingInfoRecord.size) {
      return "possible";
    }
    const tables = this.#u64(window.view, field);
    return tables > 0 && isFilled(size - UnwindingInfoRecord.size, tables)
      ? "certain"
      : "possible";
  }

  #ofLoad({ bytes, view }: Window, start: number, size: number): Certainty {
    if (bytes.length < start + CodeLoadRecord.size + 1) return "none";
    const { codeSize, codeAddr } = CodeLoadRecord.offsets;
    const code = this.#u64(view, start + codeSize);
    if (this.#u64(view, start + codeAddr) === 0 || code >= LARGEST_CODE) {
      return "none";
    }
    const name = start + CodeLoadRecord.size;
    const length = bytes.subarray(name, name + LONGEST_NAME + 1).indexOf(0);
    if (length === 0) return "none";
    if (length < 0) {
      return bytes.length - name <= LONGEST_NAME ? "possible" : "none";
    }
    const rest = size - CodeLoadRecord.size - length - 1;
    // A load without its code ends after the name.
    if (rest === 0 || code > 0 && isFilled(rest, code)) return "certain";
    return code <= rest ? "possible" : "none";
  }

  #ofMove({ bytes, view }: Window, start: number, size: number): Certainty {
    if (bytes.length < start + CodeMoveRecord.size) return "possible";
    const { vma, newCodeAddr, codeSize } = CodeMoveRecord.offsets;
    const address = this.#u64(view, start + vma);
    const isSame = address === this.#u64(view, start + newCodeAddr);
    return size === CodeMoveRecord.size && isSame && address !== 0 &&
        this.#u64(view, start + codeSize) < LARGEST_CODE
      ? "certain"
      : "none";
  }

  #ofLines({ bytes, view }: Window, start: number, size: number): Certainty {
    if (bytes.length < start + DebugInfoRecord.size) return "none";
    const { codeAddr, nrEntry } = DebugInfoRecord.offsets;
    const count = this.#u64(view, start + nrEntry);
    const space = size - DebugInfoRecord.size;
    if (space < 0 || count > size) return "none";
    if (count === 0) return "possible";
    const address = this.#u64(view, start + codeAddr);
    let entry = start + DebugInfoRecord.size;
    const checked = Math.min(count, CHECKED_ENTRIES);
    for (let i = 0; i < checked; i++) {
      const name = entry + DebugEntry.size;
      if (name >= bytes.length) return "none";
      if (i === 0) {
        const first = this.#u64(view, entry + DebugEntry.offsets.codeAddr);
        if (Math.abs(first - address) > LARGEST_CODE) return "none";
      }
      const nul = bytes.subarray(name, name + LONGEST_FILE).indexOf(0);
      if (nul === -1) return "none";
      entry = name + nul + 1;
    }
    const used = entry - start;
    if (checked < count) return used < size ? "certain" : "possible";
    return isFilled(size, used) ? "certain" : "possible";
  }

  /** Returns whether the fields of a record of a known id have possible values. */
  #isPlausible({ bytes, view }: Window, start: number, head: Head): boolean {
    const { id, size } = head;
    const needed = LEAST_SIZES[id] ?? RecordHeader.size;
    if (size < needed) return false;
    if (id === RecordId.JitCodeClose) return size <= LARGEST_CLOSE;
    // The last record may be truncated.
    if (bytes.length < start + needed) return true;
    const u64 = (field: number) => this.#u64(view, start + field);
    if (id === RecordId.JitCodeLoad) {
      return u64(CodeLoadRecord.offsets.codeSize) < LARGEST_CODE;
    }
    if (id === RecordId.JitCodeDebugInfo) {
      return u64(DebugInfoRecord.offsets.nrEntry) <= size;
    }
    if (id === RecordId.JitCodeUnwindingInfo) {
      const { unwindingSize, ehFrameHdrSize } = UnwindingInfoRecord.offsets;
      const tables = u64(unwindingSize);
      return tables <= size - needed && u64(ehFrameHdrSize) <= tables;
    }
    return true;
  }

  #isNear(view: DataView, start: number): boolean {
    if (this.#firstTime === undefined) return true;
    const time = this.#u64(view, start + RecordHeader.offsets.timestamp);
    return time === 0 ||
      time >= this.#firstTime - EARLIER && time <= this.#lastTime + LATER;
  }

  /** Returns whether the upper half of a timestamp is near those of the records read. */
  #isNearHigh(view: DataView, start: number): boolean {
    const high = view.getUint32(
      start + RecordHeader.offsets.timestamp + (this.#littleEndian ? 4 : 0),
      this.#littleEndian,
    );
    return this.#leastHigh <= high && high <= this.#mostHigh;
  }

  #headOf(view: DataView, start: number): Head {
    const { id, totalSize } = RecordHeader.offsets;
    return {
      id: view.getUint32(start + id, this.#littleEndian),
      size: view.getUint32(start + totalSize, this.#littleEndian),
    };
  }

  /** Returns a u64, rounded if it is not below 2^53. */
  #u64(view: DataView, at: number): number {
    const first = view.getUint32(at, this.#littleEndian);
    const second = view.getUint32(at + 4, this.#littleEndian);
    return this.#littleEndian
      ? second * 2 ** 32 + first
      : first * 2 ** 32 + second;
  }
}

/** Returns whether a part fills a space, apart from padding to a multiple of 8 bytes. */
const isFilled = (space: number, part: number) =>
  part <= space && space - part < ALIGNMENT;

/** Minimum sizes of records, by id. */
const LEAST_SIZES: Readonly<Record<number, number>> = {
  [RecordId.JitCodeLoad]: CodeLoadRecord.size + 1,
  [RecordId.JitCodeMove]: CodeMoveRecord.size,
  [RecordId.JitCodeDebugInfo]: DebugInfoRecord.size,
  [RecordId.JitCodeUnwindingInfo]: UnwindingInfoRecord.size,
};

/** Ids of the specification, and of this module's writer. */
const KNOWN_IDS = [
  RecordId.JitCodeLoad,
  RecordId.JitCodeMove,
  RecordId.JitCodeDebugInfo,
  RecordId.JitCodeClose,
  RecordId.JitCodeUnwindingInfo,
  SKIPPED_RECORD_ID,
];

/** Returns whether the specification or this module defines the id. */
export function isKnown(id: number): boolean {
  return id <= RecordId.JitCodeUnwindingInfo || id === SKIPPED_RECORD_ID;
}
