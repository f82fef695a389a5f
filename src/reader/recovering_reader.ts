/**
 * Reading of a dump that is corrupt in places.
 *
 * @module
 */

import { FileHeader } from "../format/file_header.ts";
import { RecordHeader } from "../format/record.ts";
import { DumpBytes } from "./dump_bytes.ts";
import {
  CodeLoad,
  type DumpRecord,
  recordAt,
  recordName,
} from "./dump_record.ts";
import { JitDumpFormatError } from "./format_error.ts";
import { ALIGNMENT, isKnown } from "./record_certainty.ts";
import { RecordSearch } from "./record_search.ts";
import {
  type DumpHeader,
  RecordScanner,
  refuseShort,
  type Tail,
} from "./record_scanner.ts";

/** Maximum number of bytes to read of an incomplete record. */
const LARGEST_PART = 16 * 1024 * 1024;

/** A part of a dump that cannot be read. */
export class CorruptRange {
  /**
   * @param offset Byte offset in the file at which the fault was found.
   * @param problem A description of the fault.
   * @param end Byte offset of the next record; undefined if none was found.
   */
  constructor(
    readonly offset: number,
    readonly problem: string,
    readonly end: number | undefined,
  ) {}
}

/**
 * Reads all records of a dump, and skips corrupt data between them.
 *
 * A wrong size leads to a position at which no record starts, and so does a partial record.
 * The reader therefore checks after each record that another one follows. If none does, it
 * searches the bytes of that record and then the rest of the file for the next one. V8
 * (Node 26) writes a wrong size for lines of inlined functions.
 *
 * Each byte is searched once, so the time is linear even if many records are corrupt.
 */
export class RecoveringReader
  implements Iterable<DumpRecord | CorruptRange>, Disposable {
  /** The file's header. */
  readonly header: DumpHeader;
  readonly #bytes: DumpBytes;
  readonly #search: RecordSearch;
  #tail: Tail | undefined;

  private constructor(bytes: DumpBytes, header: DumpHeader) {
    this.#bytes = bytes;
    this.header = header;
    bytes.littleEndian = header.littleEndian;
    this.#search = new RecordSearch(bytes, header.littleEndian);
  }

  /**
   * Opens a dump and reads its header.
   *
   * @throws {JitDumpFormatError} If it does not begin with the header of a dump.
   * @throws Whatever opening the file throws.
   */
  static open(path: string): RecoveringReader {
    const bytes = new DumpBytes(path);
    try {
      const size = bytes.endWithin(FileHeader.size);
      const window = bytes.loadAside(0, size);
      const { header } = new RecordScanner(window.bytes.subarray(0, size));
      return new RecoveringReader(bytes, header ?? refuseShort(size));
    } catch (error) {
      bytes[Symbol.dispose]();
      throw error;
    }
  }

  /** The reason why the dump does not end after a whole record; undefined until it is read. */
  get tail(): Tail | undefined {
    return this.#tail;
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#bytes[Symbol.dispose]();
  }

  /** Iterates over the records, and the corrupt ranges between them. */
  *[Symbol.iterator](): Generator<DumpRecord | CorruptRange, void> {
    let position = FileHeader.size;
    if (this.header.totalSize > position) {
      const { totalSize } = this.header;
      const found = this.#search.first(position, totalSize);
      if (found !== undefined) {
        yield new CorruptRange(
          FileHeader.offsets.totalSize,
          `file header: total_size is ${totalSize}, but a record starts at byte ${found}`,
          found,
        );
      }
      position = found ?? totalSize;
    }
    for (;;) {
      this.#bytes.keepFrom(position);
      const step = this.#next(position);
      if (step.record) {
        this.#search.note(step.record);
        yield step.record;
      }
      if (step.corrupt) yield step.corrupt;
      if (step.tail) this.#tail = step.tail;
      if (step.next === undefined) return;
      position = step.next;
    }
  }

  /** Reads the record or the corrupt range at a position. */
  #next(at: number): Step {
    const size = this.#sizeAt(at);
    if (size === undefined) return this.#endAt(at);
    const end = at + size;
    if (size < RecordHeader.size) {
      const found = this.#search.first(at + 1);
      if (found === undefined && this.#isZero(at)) return this.#endAt(at);
      return { corrupt: this.#noRecord(at, found), next: found };
    }
    if (this.#bytes.endWithin(end) < end) return this.#nextBeyondEnd(at, end);
    if (this.#search.follows(at, end)) return this.#nextWhole(at, end);
    // No record follows: this one is partial, or its size is wrong.
    const found = this.#interruption(at, end);
    if (found !== undefined) return this.#part(at, found);
    const { record, corrupt } = this.#parse(at, end);
    if (record) return { record, next: end };
    const next = this.#search.hasFound(end)
      ? end
      : this.#search.first(at + 1) ?? this.#search.headerAt(end);
    const { offset, problem } = corrupt!;
    return { corrupt: new CorruptRange(offset, problem, next), next };
  }

  /** Reads a record that is followed by another. */
  #nextWhole(at: number, end: number): Step {
    const { record, corrupt } = this.#parse(at, end);
    if (!record) {
      const next = this.#search.inside(at + 1, end) ?? end;
      const { offset, problem } = corrupt!;
      return { corrupt: new CorruptRange(offset, problem, next), next };
    }
    if (record.totalSize - record.usedSize < RecordHeader.size) {
      return { record, next: end };
    }
    if (!isKnown(record.id)) return { record, next: end };
    // Its size may cover several records.
    const found = this.#firstInside(at, at + record.usedSize, end);
    return found === undefined ? { record, next: end } : this.#part(at, found);
  }

  /** Reads a record whose size extends beyond the end of the file. */
  #nextBeyondEnd(at: number, end: number): Step {
    const found = this.#interruption(at, end);
    if (found !== undefined) return this.#part(at, found);
    const limit = this.#bytes.endWithin(Math.min(end, at + LARGEST_PART));
    const { record } = this.#parse(at, limit);
    return {
      record: record instanceof CodeLoad ? record : undefined,
      tail: { offset: at, kind: "cut" },
      next: undefined,
    };
  }

  /**
   * Returns a record inside the one from `at` to `end` if the outer record is incomplete or
   * its size is too large; undefined otherwise.
   */
  #interruption(at: number, end: number): number | undefined {
    const found = this.#search.first(at + 1, end);
    if (found === undefined) return undefined;
    if (this.#search.isCertain(at)) {
      return this.#firstInside(at, Math.max(at, end - ALIGNMENT) + 1, end);
    }
    return this.#search.hasFound(end) ? undefined : found;
  }

  /**
   * Returns the first certain record inside the one from `at` to `end`, or else the first
   * one in its padding; undefined if there is none. Code can contain bytes that are like
   * those of a record.
   */
  #firstInside(at: number, padding: number, end: number): number | undefined {
    this.#search.first(at + 1);
    return this.#search.certainBefore(end) ?? this.#search.first(padding, end);
  }

  /** Reads a partial record that ends at the next record. */
  #part(at: number, next: number): Step {
    const id = this.#idAt(at);
    if (!isKnown(id) || next - at < RecordHeader.size) {
      return { corrupt: this.#noRecord(at, next), next };
    }
    const limit = Math.min(next, at + LARGEST_PART);
    const { record } = this.#parse(at, limit);
    const problem = `${
      recordName(id)
    } at byte ${at}: total_size extends beyond the start of the next record, at byte ${next}`;
    return { record, corrupt: new CorruptRange(at, problem, next), next };
  }

  #endAt(at: number): Step {
    const end = this.#bytes.endWithin(at + RecordHeader.size);
    if (at === end) return { next: undefined };
    const offset = Math.min(at, end);
    const kind = at < end && this.#isZero(at) ? "zeros" : "cut";
    return { tail: { offset, kind }, next: undefined };
  }

  /** Returns a record's size; undefined if the file ends within its header. */
  #sizeAt(at: number): number | undefined {
    const end = at + RecordHeader.size;
    if (this.#bytes.endWithin(end) < end) return undefined;
    const { view, offset, littleEndian } = this.#bytes.load(at, end);
    const field = at - offset + RecordHeader.offsets.totalSize;
    return view.getUint32(field, littleEndian);
  }

  #idAt(at: number): number {
    const { view, offset, littleEndian } = this.#bytes.load(
      at,
      at + RecordHeader.size,
    );
    return view.getUint32(at - offset + RecordHeader.offsets.id, littleEndian);
  }

  /** Returns whether the bytes of an id and a size, or those that exist, are zeros. */
  #isZero(at: number): boolean {
    const end = this.#bytes.endWithin(at + RecordHeader.offsets.timestamp);
    const { bytes, offset } = this.#bytes.load(at, end);
    return bytes.subarray(at - offset, end - offset).every((byte) =>
      byte === 0
    );
  }

  /** Parses the record at `at`, which ends at `limit` at the latest. */
  #parse(
    at: number,
    limit: number,
  ): { record?: DumpRecord; corrupt?: CorruptRange } {
    const { bytes, view, offset, littleEndian } = this.#bytes.load(at, limit);
    try {
      const own = {
        bytes: bytes.subarray(0, limit - offset),
        view: new DataView(view.buffer, view.byteOffset, limit - offset),
        offset,
        littleEndian,
      };
      return { record: recordAt(own, at - offset) };
    } catch (error) {
      if (!(error instanceof JitDumpFormatError)) throw error;
      return { corrupt: new CorruptRange(error.offset, error.message, limit) };
    }
  }

  #noRecord(at: number, next: number | undefined): CorruptRange {
    return new CorruptRange(at, `no record begins at byte ${at}`, next);
  }
}

/** The result of reading at a position, and the next position, if any. */
interface Step {
  readonly record?: DumpRecord;
  readonly corrupt?: CorruptRange;
  readonly tail?: Tail;
  readonly next: number | undefined;
}
