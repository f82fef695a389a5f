/**
 * The search for records after corrupt data.
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
import type { DumpBytes } from "./dump_bytes.ts";
import type { DumpRecord, Window } from "./dump_record.ts";

/** Maximum time of a found record before the first, or after the last, record read, in ns. */
const EARLIER = 10n * 10n ** 9n;
const LATER = 24n * 3600n * 10n ** 9n;

/** Maximum size of a JIT_CODE_CLOSE. */
const LARGEST_CLOSE = 4096;

/** Maximum size of a record of an unknown id that is searched for. */
const LARGEST_OTHER = 64 * 1024;

/** Maximum length of a name that is searched for. */
const LONGEST_NAME = 64 * 1024;

/** Maximum number of checked entries of a JIT_CODE_DEBUG_INFO, and length of their names. */
const CHECKED_ENTRIES = 8;
const LONGEST_FILE = 4096;

/** Maximum size of code, and distance of a line entry from its function. */
const LARGEST_CODE = 2n ** 31n;

/** Number of bytes needed to check a position. */
const MARGIN = CodeLoadRecord.size + LONGEST_NAME + 1;

/** Maximum number of unknown ids that are searched for. */
const MOST_IDS = 16;

/** Number of consecutive records of unknown ids that are accepted, whatever follows. */
const TRUSTED_ROW = 3;

/** Maximum number of consecutive records that are checked to accept the first. */
const LONGEST_ROW = 64;

/** Certainty that a record starts at a position. */
type Certainty = "no" | "if another follows" | "yes";

/** A record's first two fields. */
interface Head {
  readonly id: number;
  readonly size: number;
}

/** Searches the bytes of a dump for records. */
export class RecordSearch {
  readonly #bytes: DumpBytes;
  readonly #littleEndian: boolean;
  /** The times of the records that have been read. */
  #firstTime: bigint | undefined;
  #lastTime = 0n;
  /** Least and greatest upper 32 bits of a timestamp that is searched for. */
  #leastHigh = 0;
  #mostHigh = 0xffff_ffff;
  /** Unknown ids that have been read. */
  readonly #otherIds = new Set<number>();
  /** For each byte value, 1 if it is the lowest byte of an id that is searched for. */
  readonly #isLowByte = new Uint8Array(256);
  /** The position up to which the size of each record leads to the next record. */
  #trustedEnd = 0;
  /** The range that was searched last; `isFound` is true if a record starts at its end. */
  #searched = { from: 0, to: 0, isFound: false };

  /** The range inside unknown records that was searched last, like `#searched`. */
  #inside = { from: 0, to: 0, isFound: false };

  constructor(bytes: DumpBytes, littleEndian: boolean) {
    this.#bytes = bytes;
    this.#littleEndian = littleEndian;
    for (const id of KNOWN_IDS) {
      this.#isLowByte[id & 0xff] = 1;
    }
  }

  /** Notes the time and the id of a record that was read, because others have similar ones. */
  note({ id, timestamp: time }: DumpRecord): void {
    if (!isKnown(id)) {
      if (this.#otherIds.size < MOST_IDS) this.#noteId(id);
      return;
    }
    if (time === 0n) return;
    if (this.#firstTime === undefined || time < this.#firstTime) {
      this.#firstTime = time;
    }
    if (time > this.#lastTime) this.#lastTime = time;
    this.#leastHigh = Number(
      this.#firstTime > EARLIER ? (this.#firstTime - EARLIER) >> 32n : 0n,
    );
    this.#mostHigh = Number((this.#lastTime + LATER) >> 32n);
  }

  #noteId(id: number): void {
    this.#otherIds.add(id);
    this.#isLowByte[id & 0xff] = 1;
  }

  /**
   * Returns whether a record, or the end of the file, follows the record from `at` to `end`.
   *
   * Records of unknown ids count if they lead to one of a known id.
   */
  follows(at: number, end: number): boolean {
    if (end <= this.#trustedEnd) return true;
    const trusted = this.#leadsTo(at, end);
    if (trusted !== undefined) this.#trustedEnd = trusted;
    return trusted !== undefined;
  }

  /**
   * Follows the sizes from the record from `at` to `end`. Returns the position of the first
   * record of a known id, or of the file's end; undefined if the sizes lead to neither.
   */
  #leadsTo(at: number, end: number): number | undefined {
    let row = isKnown(this.#headAt(at).id) ? 0 : 1;
    let next = end;
    // Each record is checked once: those before #trustedEnd are trusted.
    for (; row < LONGEST_ROW; row++) {
      const limit = this.#bytes.endWithin(next + RecordHeader.size);
      if (next > limit) return undefined;
      if (limit < next + RecordHeader.size) {
        if (this.#canBegin(next, limit)) return next;
        break;
      }
      const head = this.#headAt(next);
      if (head.size < RecordHeader.size) break;
      const window = this.#bytes.loadAside(next, limit);
      if (!this.#isNear(window, next - window.offset)) break;
      if (isKnown(head.id)) {
        if (this.#isPlausible(next, head)) return next;
        break;
      }
      next += head.size;
    }
    return row >= TRUSTED_ROW ? next : undefined;
  }

  /** Returns whether the last bytes of a file can be an incomplete header. */
  #canBegin(at: number, end: number): boolean {
    if (at === end) return true;
    const { bytes, view, offset } = this.#bytes.loadAside(at, end);
    const start = at - offset;
    if (end - at < RecordHeader.offsets.totalSize) {
      return !this.#littleEndian || this.#isLowByte[bytes[start]] === 1;
    }
    const id = view.getUint32(start, this.#littleEndian);
    return isKnown(id) || this.#otherIds.has(id);
  }

  /**
   * Returns the first position from `from` on, and before `limit`, at which a record
   * starts; undefined if there is none.
   */
  first(from: number, limit = Infinity): number | undefined {
    const known = this.#searched;
    let start = from;
    if (known.from <= from && from <= known.to) {
      if (known.isFound) return known.to < limit ? known.to : undefined;
      start = known.to;
    } else this.#searched = { from, to: from, isFound: false };
    const found = this.#scan(start, limit);
    const isFound = found !== undefined;
    const to = found ??
      Math.max(start, Math.min(limit, this.#bytes.endWithin(limit)));
    this.#searched = { from: this.#searched.from, to, isFound };
    return found;
  }

  #scan(from: number, limit: number): number | undefined {
    for (let at = from; at < limit;) {
      const end = this.#bytes.endWithin(at + MARGIN);
      if (end < at + RecordHeader.size) return undefined;
      const window = this.#bytes.load(at, end);
      const last = Math.min(
        window.offset + window.bytes.length - (end - at),
        limit - 1,
      );
      const isEnd = end < at + MARGIN;
      const found = this.#scanWindow(
        window,
        at,
        isEnd ? Math.min(limit - 1, end - RecordHeader.size) : last,
      );
      if (found !== undefined) return found;
      if (isEnd) return undefined;
      at = last + 1;
    }
    return undefined;
  }

  /** Returns the first position, up to and with `last`, at which a record starts. */
  #scanWindow(window: Window, from: number, last: number): number | undefined {
    const { bytes, view, offset } = window;
    const low = this.#littleEndian ? 0 : 3;
    for (let i = from - offset; i <= last - offset; i++) {
      if (this.#isLowByte[bytes[i + low]] === 0) {
        if (this.#isOtherAlone(window, i)) return offset + i;
        continue;
      }
      const id = view.getUint32(i, this.#littleEndian);
      if (id === 0 && view.getUint32(i + 4) === 0) {
        // If 16 bytes are zeros, a header in the first 8 would have size 0.
        const isZero = view.getUint32(i + 8) === 0 &&
          view.getUint32(i + 12) === 0;
        if (isZero) i += 8;
        continue;
      }
      if (!isKnown(id) && !this.#otherIds.has(id)) {
        if (this.#isOtherAlone(window, i)) return offset + i;
        continue;
      }
      if (this.#isRecord(window, offset + i)) return offset + i;
    }
    return undefined;
  }

  #isRecord(window: Window, at: number): boolean {
    const head = this.#headIn(window, at);
    if (head.size < RecordHeader.size) return false;
    const certainty = this.#certainty(window, at, head);
    if (certainty === "no") return false;
    const end = at + head.size;
    if (certainty === "yes") return this.#isInFile(end) || head.id === 0;
    return this.#isInFile(end) && this.#leadsTo(at, end) !== undefined;
  }

  /** Returns whether a record of an unknown id starts here that contains no known record. */
  #isOtherAlone(window: Window, start: number): boolean {
    if (!this.#isOtherRecord(window, start)) return false;
    const { view, bytes, offset } = window;
    const { totalSize } = RecordHeader.offsets;
    const size = view.getUint32(start + totalSize, this.#littleEndian);
    const from = offset + start + RecordHeader.size;
    const end = Math.min(
      offset + start + size,
      offset + bytes.length - RecordHeader.size,
    );
    const last = this.#inside;
    const isAfter = last.from <= from && from <= last.to;
    if (isAfter && last.isFound) return last.to >= end;
    // Each byte is searched once, even if many records seem to begin before it.
    let at = isAfter ? last.to : from;
    let isFound = false;
    for (; at < end && !isFound; at++) {
      isFound = this.#isCertain(window, at);
      if (isFound) break;
    }
    this.#inside = { from: isAfter ? last.from : from, to: at, isFound };
    return !isFound;
  }

  /** Returns whether a record of a known id starts at a position, whatever follows it. */
  #isCertain(window: Window, at: number): boolean {
    const low = this.#littleEndian ? 0 : 3;
    if (this.#isLowByte[window.bytes[at - window.offset + low]] === 0) {
      return false;
    }
    const head = this.#headIn(window, at);
    return isKnown(head.id) && head.size >= RecordHeader.size &&
      this.#certainty(window, at, head) === "yes" &&
      this.#isInFile(at + head.size);
  }

  /** Returns whether a record of an unknown id starts here, by its time and what follows. */
  #isOtherRecord({ view, offset }: Window, start: number): boolean {
    const { totalSize } = RecordHeader.offsets;
    const size = view.getUint32(start + totalSize, this.#littleEndian);
    if (size < RecordHeader.size || size > LARGEST_OTHER) return false;
    const high = view.getUint32(
      start + RecordHeader.offsets.timestamp + (this.#littleEndian ? 4 : 0),
      this.#littleEndian,
    );
    if (high < this.#leastHigh || high > this.#mostHigh) return false;
    const end = offset + start + size;
    const next = end + RecordHeader.size;
    const fileEnd = this.#bytes.endWithin(next);
    if (fileEnd === end) {
      return this.#firstTime !== undefined && this.#isNear({ view }, start);
    }
    if (fileEnd < next) return false;
    const limit = this.#bytes.endWithin(end + MARGIN);
    const { timestamp } = RecordHeader.offsets;
    const time = this.#u64(view, start + timestamp);
    const following = this.#bytes.loadAside(end, limit);
    const after = this.#u64(following.view, end - following.offset + timestamp);
    if (time + EARLIER < after || after + EARLIER < time) return false;
    const head = this.#headIn(following, end);
    return isKnown(head.id) && this.#certainty(following, end, head) === "yes";
  }

  #isInFile(end: number): boolean {
    return this.#bytes.endWithin(end) === end;
  }

  /** Returns the certainty that a record of a known id starts at a position. */
  #certainty(window: Window, at: number, { id, size }: Head): Certainty {
    const start = at - window.offset;
    const left = window.bytes.length - start;
    if (!this.#isNear(window, start)) return "no";
    const u64 = (field: number) => this.#u64(window.view, start + field);
    if (id === RecordId.JitCodeLoad) {
      const { codeSize, codeAddr } = CodeLoadRecord.offsets;
      if (left < CodeLoadRecord.size + 1) return "no";
      const code = u64(codeSize);
      const name = start + CodeLoadRecord.size;
      const nul = window.bytes.indexOf(0, name);
      if (nul <= name || nul - name > LONGEST_NAME) return "no";
      const rest = size - (nul - start) - 1;
      if (u64(codeAddr) === 0n || code >= LARGEST_CODE) return "no";
      if (code > 0n && code === BigInt(Math.max(0, rest))) return "yes";
      return rest === 0 || code <= BigInt(Math.max(0, rest))
        ? "if another follows"
        : "no";
    }
    if (id === RecordId.JitCodeMove) {
      const { vma, newCodeAddr, codeSize } = CodeMoveRecord.offsets;
      if (size !== CodeMoveRecord.size || left < size) return "no";
      const isSame = u64(vma) === u64(newCodeAddr) && u64(vma) !== 0n;
      return isSame && u64(codeSize) < LARGEST_CODE ? "yes" : "no";
    }
    if (id === RecordId.JitCodeDebugInfo) {
      return this.#certaintyOfLines(window, start, size);
    }
    if (!this.#isPlausible(at, { id, size })) return "no";
    return "if another follows";
  }

  #certaintyOfLines(window: Window, start: number, size: number): Certainty {
    const { bytes, view } = window;
    if (bytes.length - start < DebugInfoRecord.size) return "no";
    const { codeAddr, nrEntry } = DebugInfoRecord.offsets;
    const count = this.#u64(view, start + nrEntry);
    if (count > BigInt(size)) return "no";
    if (count === 0n) return "if another follows";
    const address = this.#u64(view, start + codeAddr);
    let entry = start + DebugInfoRecord.size;
    const checked = Math.min(Number(count), CHECKED_ENTRIES);
    for (let i = 0; i < checked; i++) {
      const name = entry + DebugEntry.size;
      if (name >= bytes.length) return "no";
      if (i === 0) {
        const first = this.#u64(view, entry + DebugEntry.offsets.codeAddr);
        const distance = first - address;
        if (distance > LARGEST_CODE || distance < -LARGEST_CODE) return "no";
      }
      const nul = bytes.subarray(name, name + LONGEST_FILE).indexOf(0);
      if (nul === -1) return "no";
      entry = name + nul + 1;
    }
    return "yes";
  }

  /** Returns whether the fields of a record of a known id are plausible. */
  #isPlausible(at: number, { id, size }: Head): boolean {
    const needed = LEAST_SIZES[id] ?? RecordHeader.size;
    if (size < needed) return false;
    if (id === RecordId.JitCodeClose) return size <= LARGEST_CLOSE;
    const end = at + needed;
    // The last record may be truncated.
    if (this.#bytes.endWithin(end) < end) return true;
    const { view, offset } = this.#bytes.loadAside(at, end);
    const u64 = (field: number) => this.#u64(view, at - offset + field);
    if (id === RecordId.JitCodeLoad) {
      const code = u64(CodeLoadRecord.offsets.codeSize);
      return code < LARGEST_CODE;
    }
    if (id === RecordId.JitCodeDebugInfo) {
      return u64(DebugInfoRecord.offsets.nrEntry) <= BigInt(size);
    }
    if (id === RecordId.JitCodeUnwindingInfo) {
      const { unwindingSize, ehFrameHdrSize } = UnwindingInfoRecord.offsets;
      const tables = u64(unwindingSize);
      return tables <= BigInt(size - needed) && u64(ehFrameHdrSize) <= tables;
    }
    return true;
  }

  #isNear({ view }: { readonly view: DataView }, start: number): boolean {
    if (this.#firstTime === undefined) return true;
    const time = this.#u64(view, start + RecordHeader.offsets.timestamp);
    return time === 0n ||
      time >= this.#firstTime - EARLIER && time <= this.#lastTime + LATER;
  }

  #headAt(at: number): Head {
    return this.#headIn(
      this.#bytes.loadAside(at, at + RecordHeader.size),
      at,
    );
  }

  #headIn({ view, offset }: Window, at: number): Head {
    const { id, totalSize } = RecordHeader.offsets;
    const start = at - offset;
    return {
      id: view.getUint32(start + id, this.#littleEndian),
      size: view.getUint32(start + totalSize, this.#littleEndian),
    };
  }

  #u64(view: DataView, at: number): bigint {
    return view.getBigUint64(at, this.#littleEndian);
  }
}

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
