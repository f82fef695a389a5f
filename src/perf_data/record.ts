/**
 * The base of all records.
 *
 * A record is a view of the bytes that were read. Its fields are decoded lazily, so that
 * skipped records cost little.
 *
 * @module
 */

import type { Window } from "./bytes.ts";
import { type CpuMode, Misc, perfRecordName } from "./constants.ts";
import type { PerfEvent } from "./events.ts";
import { ABSENT, type FixedOffsets } from "./sample_layout.ts";
import { EventHeader } from "./structs.ts";

const HEADER = EventHeader.offsets;

/** The bytes of a record, and its properties that are known before it is decoded. */
export interface RawRecord {
  readonly window: Window;
  /** Start of the record in the window. */
  readonly at: number;
  readonly size: number;
  /** The event whose layout applies; undefined if there is none. */
  readonly event: PerfEvent | undefined;
}

/** A record. Only the subclasses for known types have fields besides the header. */
export class PerfRecord {
  /** The window that contains the record. */
  protected readonly window: Window;
  /** Start of the record in the window. */
  protected readonly at: number;
  /** Size of the whole record in bytes. */
  readonly size: number;
  /**
   * The event that the record belongs to; undefined if no event has the record's id, and
   * for records without an event.
   */
  readonly event: PerfEvent | undefined;
  /**
   * Nanoseconds since `PerfDataReader.startTime`, for ordering; −Infinity for records
   * without a time and for those with time 0, which perf (6.1) assigns to synthesized
   * records.
   */
  time = -Infinity;

  /** Wraps a record, as the reader does. */
  constructor({ window, at, size, event }: RawRecord) {
    this.window = window;
    this.at = at;
    this.size = size;
    this.event = event;
  }

  /** Position of the record in the file; that of the compressed record if it is in one. */
  get offset(): number {
    return this.window.offsetOf(this.at);
  }

  /** The record's type; see `PerfRecordType`. */
  get type(): number {
    return this.window.u32(this.at + HEADER.type);
  }

  /** The record's flags; see `Misc`. */
  get misc(): number {
    return this.window.u16(this.at + HEADER.misc);
  }

  /** State of the CPU. */
  get cpuMode(): CpuMode {
    return this.misc & Misc.CPUMODE_MASK;
  }

  /** The name that `perf report -D` prints for the type, such as `"PERF_RECORD_MMAP2"`. */
  get typeName(): string {
    return perfRecordName(this.type);
  }

  /** The record's time in nanoseconds of the recording's clock; 0 if it has none. */
  get timestamp(): bigint {
    return this.identity("time") ?? 0n;
  }

  /** The id of the record's event; 0 if it has none. */
  get id(): bigint {
    return this.identity("identifier") ?? this.identity("id") ?? 0n;
  }

  /** The CPU; −1 if it is not recorded. */
  get cpu(): number {
    const at = this.identityAt("cpu");
    return at === ABSENT ? -1 : this.window.u32(at);
  }

  /** The bytes of the whole record. */
  get bytes(): Uint8Array {
    return this.slice(0, this.size);
  }

  /** End of the record's own fields, before its sample_id, from the record's start. */
  protected get bodyEnd(): number {
    const trailer = this.event?.layout.trailerSize ?? 0;
    return Math.max(EventHeader.size, this.size - trailer);
  }

  /** Position in the window of a field that identifies the record, or `ABSENT`. */
  protected identityAt(field: keyof FixedOffsets): number {
    const offset = this.event?.layout.trailer[field] ?? ABSENT;
    // Offsets are negative; `ABSENT` is the only one that is not a multiple of 8.
    if (offset === ABSENT || this.size + offset < EventHeader.size) {
      return ABSENT;
    }
    return this.at + this.size + offset;
  }

  protected identity(field: keyof FixedOffsets): bigint | undefined {
    const at = this.identityAt(field);
    return at === ABSENT ? undefined : this.window.u64(at);
  }

  /** Returns a view of a part of the record. */
  protected slice(start: number, end: number): Uint8Array {
    return this.window.bytes.subarray(this.at + start, this.at + end);
  }

  /** Throws unless the record's own fields have `size` bytes, counted from its start. */
  protected requireSize(size: number): void {
    if (this.bodyEnd >= size) return;
    this.refuse(
      `is ${this.size}, including ${
        this.size - this.bodyEnd
      } bytes of sample_id, but its fields need ${size} bytes`,
      "header.size",
      HEADER.size,
    );
  }

  /** Throws unless `count` elements of `width` bytes fit between `from` and the body's end. */
  protected requireElements(
    count: number,
    width: number,
    from: number,
    field: string,
    fieldOffset: number,
  ): void {
    const space = this.bodyEnd - from;
    if (count * width <= space) return;
    this.refuse(
      `is ${count}, but the record has ${space} bytes left`,
      field,
      fieldOffset,
    );
  }

  /** Throws the error for a field. */
  protected refuse(problem: string, field: string, offset: number): never {
    this.window.refuse(problem, this.typeName, field, this.at + offset);
  }
}
