/**
 * The search for records after and inside corrupt data.
 *
 * @module
 */

import { RecordHeader, RecordId } from "../format/record.ts";
import type { DumpBytes } from "./dump_bytes.ts";
import type { DumpRecord, Window } from "./dump_record.ts";
import { type Certainty, MARGIN, RecordCertainty } from "./record_certainty.ts";

/** Number of bytes that are read to check one record. */
const FOLLOWING = 4096;

/** Number of consecutive records that are accepted, whatever follows. */
const TRUSTED_ROW = 3;

/** Maximum number of consecutive records that are checked to accept the first, and of bytes. */
const LONGEST_ROW = 64;
const LONGEST_WAY = 64 * 1024;

/** Maximum number of possible records that are held at once. */
const MOST_POSSIBLE = 2 ** 20;

/** The records in a range that was searched. */
interface Searched {
  readonly from: number;
  /** The start of the first certain record, or the end of the file. */
  readonly to: number;
  readonly isFound: boolean;
  /** Starts of the accepted records before `to`, in ascending order. */
  readonly starts: readonly number[];
}

/**
 * Searches the bytes of a dump for records.
 *
 * A record is accepted if its fields agree with each other. Any other record is accepted
 * if sizes lead from it to the start of such a record or to the end of the file. Bytes of
 * code often look like a record, but they rarely have the right size as well.
 */
export class RecordSearch {
  readonly #bytes: DumpBytes;
  readonly #littleEndian: boolean;
  readonly #certainty: RecordCertainty;
  /** The position up to which the size of each record leads to the next record. */
  #trustedEnd = 0;
  /** The position up to which {@linkcode inside} has searched. */
  #insideEnd = 0;
  #searched: Searched = { from: 0, to: 0, isFound: false, starts: [] };

  constructor(bytes: DumpBytes, littleEndian: boolean) {
    this.#bytes = bytes;
    this.#littleEndian = littleEndian;
    this.#certainty = new RecordCertainty(littleEndian);
  }

  /** Notes the time and the id of a record that was read, because others have similar ones. */
  note(record: DumpRecord): void {
    this.#certainty.note(record);
  }

  /** Returns whether fields of the record at a position agree with each other. */
  isCertain(at: number): boolean {
    const end = this.#bytes.endWithin(at + FOLLOWING);
    if (end < at + RecordHeader.size) return false;
    return this.#certainty.at(this.#bytes.loadAside(at, end), at) === "certain";
  }

  /** Returns a position if the bytes there can be a record's header. */
  headerAt(at: number): number | undefined {
    const end = this.#bytes.endWithin(at + FOLLOWING);
    if (end < at + RecordHeader.size) return undefined;
    const window = this.#bytes.loadAside(at, end);
    return this.#certainty.canLead(window, at) ? at : undefined;
  }

  /**
   * Returns whether sizes lead from the end of the record at `at` to a certain one, or to
   * the end of the file.
   */
  follows(at: number, end: number): boolean {
    if (end <= this.#trustedEnd) return true;
    const trusted = this.#leadsTo(at, end);
    if (trusted !== undefined) this.#trustedEnd = trusted;
    return trusted !== undefined;
  }

  #leadsTo(at: number, end: number): number | undefined {
    let next = end;
    let others = this.#isOther(at) ? 1 : 0;
    for (let row = 0; row < LONGEST_ROW; row++) {
      const limit = this.#bytes.endWithin(next + FOLLOWING);
      if (next >= limit) return next === limit ? next : undefined;
      const window = this.#bytes.loadAside(next, limit);
      if (limit < next + RecordHeader.size) {
        const isHeader = this.#certainty.canBegin(window, next, limit);
        return row === 0 && isHeader && this.isCertain(at) ? next : undefined;
      }
      if (this.#certainty.at(window, next) === "certain") return next;
      if (!this.#certainty.canLead(window, next)) break;
      others = this.#isOther(next) ? others + 1 : 0;
      next += this.#sizeIn(window, next);
      if (next - end > LONGEST_WAY) break;
    }
    return others >= TRUSTED_ROW ? next : undefined;
  }

  /**
   * Returns the first position from `from` on, and before `limit`, at which a record
   * starts; undefined if there is none.
   */
  first(from: number, limit = Infinity): number | undefined {
    const { from: start, to } = this.#searched;
    if (from < start || from > to) this.#searched = this.#search(from);
    const { starts, isFound, to: last } = this.#searched;
    const found = firstFrom(starts, from) ?? (isFound ? last : undefined);
    return found !== undefined && found < limit ? found : undefined;
  }

  /** Returns the certain record that the last search found, if it is before a position. */
  certainBefore(position: number): number | undefined {
    const { isFound, to } = this.#searched;
    return isFound && to < position ? to : undefined;
  }

  /** Returns whether the last search accepted a record at a position. */
  hasFound(at: number): boolean {
    const { starts, isFound, to } = this.#searched;
    return isFound && at === to || firstFrom(starts, at) === at;
  }

  /**
   * Returns the start of the first record in a range from which sizes lead exactly to the
   * range's end; undefined if there is none.
   *
   * Records inside records that were found in this way are not searched for.
   */
  inside(from: number, end: number): number | undefined {
    if (from < this.#insideEnd) return undefined;
    this.#insideEnd = end;
    const row = new Row();
    this.#scan(from, end, (window, at) => {
      row.add(at, at + this.#sizeIn(window, at));
      return false;
    });
    return row.startsLeadingTo(end, Infinity)[0];
  }

  #search(from: number): Searched {
    const row = new Row();
    let to: number | undefined;
    this.#scan(from, Infinity, (window, at, certainty) => {
      const end = at + this.#sizeIn(window, at);
      const isInFile = this.#bytes.endWithin(end) === end;
      if (certainty === "certain" && (isInFile || this.#isLoad(window, at))) {
        to = at;
        return true;
      }
      if (isInFile) row.add(at, end);
      return false;
    });
    const isFound = to !== undefined;
    to ??= Math.max(from, this.#bytes.endWithin(Infinity));
    return { from, to, isFound, starts: row.startsLeadingTo(to, TRUSTED_ROW) };
  }

  /** Calls `visit` for each position at which a record may start, until it returns true. */
  #scan(from: number, limit: number, visit: Visit): void {
    for (let at = from; at < limit;) {
      const end = this.#bytes.endWithin(at + MARGIN);
      const isEnd = end < at + MARGIN;
      if (end < at + RecordHeader.size) return;
      const window = this.#bytes.load(at, end);
      const last = isEnd
        ? end - RecordHeader.size
        : window.offset + window.bytes.length - MARGIN;
      if (this.#scanWindow(window, at, Math.min(limit - 1, last), visit)) {
        return;
      }
      if (isEnd) return;
      at = last + 1;
    }
  }

  /** Calls `visit` for the positions up to and including `last`, until it returns true. */
  #scanWindow(window: Window, from: number, last: number, visit: Visit) {
    const { bytes, view, offset } = window;
    for (let at = from; at <= last; at++) {
      const i = this.#certainty.skip(bytes, at - offset, last - offset);
      at = offset + i;
      if (at > last) break;
      if (view.getUint32(i) === 0 && view.getUint32(i + 4) === 0) {
        // If 16 bytes are zeros, a header in the first 8 would have size 0.
        const isZero = view.getUint32(i + 8) === 0 &&
          view.getUint32(i + 12) === 0;
        if (isZero) at += 8;
        continue;
      }
      const certainty = this.#certainty.at(window, at);
      if (certainty !== "none" && visit(window, at, certainty)) return true;
    }
    return false;
  }

  #isOther(at: number): boolean {
    const window = this.#bytes.loadAside(at, at + RecordHeader.size);
    return this.#certainty.isOther(window, at);
  }

  #isLoad({ view, offset }: Window, at: number): boolean {
    const field = at - offset + RecordHeader.offsets.id;
    return view.getUint32(field, this.#littleEndian) === RecordId.JitCodeLoad;
  }

  #sizeIn({ view, offset }: Window, at: number): number {
    const field = at - offset + RecordHeader.offsets.totalSize;
    return view.getUint32(field, this.#littleEndian);
  }
}

/** A function for a position at which a record may start; returns whether to stop. */
type Visit = (window: Window, at: number, certainty: Certainty) => boolean;

/** Possible records in ascending order. */
class Row {
  #starts: number[] = [];
  #ends: number[] = [];

  /** Adds a record after the others; discards the first ones if there are too many. */
  add(start: number, end: number): void {
    if (this.#starts.length === MOST_POSSIBLE) {
      this.#starts = this.#starts.slice(MOST_POSSIBLE / 2);
      this.#ends = this.#ends.slice(MOST_POSSIBLE / 2);
    }
    this.#starts.push(start);
    this.#ends.push(end);
  }

  /**
   * Returns the starts, in ascending order, from which sizes lead to a position, or over
   * `trusted` records before it.
   */
  startsLeadingTo(position: number, trusted: number): number[] {
    const lengths = new Map([[position, Infinity]]);
    const leading: number[] = [];
    for (let i = this.#starts.length - 1; i >= 0; i--) {
      const [start, end] = [this.#starts[i], this.#ends[i]];
      if (end > position) continue;
      const length = (lengths.get(end) ?? 0) + 1;
      lengths.set(start, length);
      if (length >= trusted) leading.push(start);
    }
    return leading.reverse();
  }
}

/** Returns the first of ascending numbers that is not less than `from`. */
function firstFrom(
  numbers: readonly number[],
  from: number,
): number | undefined {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (numbers[middle] < from) low = middle + 1;
    else high = middle;
  }
  return numbers[low];
}
