/**
 * From bytes, as they come, to records.
 *
 * @module
 */

import { FileHeader, JITDUMP_MAGIC } from "../format/file_header.ts";
import { RecordHeader } from "../format/record.ts";
import {
  type DumpRecord,
  recordAt,
  recordName,
  type Window,
} from "./dump_record.ts";
import { JitDumpFormatError } from "./format_error.ts";

/** A record's first two fields. */
const ID_AND_SIZE = RecordHeader.offsets.timestamp;

/** The header of a dump that is read. */
export interface DumpHeader extends FileHeader {
  /** The byte order of the machine that wrote the file. */
  readonly littleEndian: boolean;
}

/** Why a dump ends where no record does. */
export interface Tail {
  /** Where in the file the last whole record ends. */
  readonly offset: number;
  /**
   * `"cut"`: a record begins there, and the file ends in it. `"zeros"`: there is room
   * for records, as a writer leaves it that dies while its file is mapped.
   */
  readonly kind: "cut" | "zeros";
}

/**
 * Finds the records in bytes that are added piece by piece.
 *
 *     file    ├────────────────────────────────────────────────────────┤
 *     buffer        ├─────────────────────────────┬─────────┤
 *                   offset        position        end       capacity
 *                   records that  bytes to look   room for
 *                   have been     at              more
 *                   given out
 *
 * Records that have been given out are places in the buffer, so its bytes never change:
 * where there is no room behind the end, what is to be looked at moves to a new buffer.
 * That is as large as what has come asks for, whatever a record says of its size.
 */
export class RecordScanner {
  #window: Window;
  /** Both from the buffer's start; the position may be behind the end. */
  #at = 0;
  #end = 0;
  #header: DumpHeader | undefined;

  /** @param bytes The first bytes, or all. They must not change. */
  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.#window = windowOf(bytes, 0, true);
    this.#end = bytes.length;
  }

  /** Where in the file the next record starts. */
  get position(): number {
    return this.#window.offset + this.#at;
  }

  /** How many bytes of the file have come. */
  get received(): number {
    return this.#window.offset + this.#end;
  }

  /** The header, once its bytes have come. */
  get header(): DumpHeader | undefined {
    this.#header ??= this.#takeHeader();
    return this.#header;
  }

  /** Room for at least `size` bytes; say by {@linkcode added} how many there are now. */
  room(size: number): Uint8Array {
    const { bytes, offset, littleEndian } = this.#window;
    if (bytes.length - this.#end < size) {
      const used = Math.min(this.#at, this.#end);
      const rest = bytes.subarray(used, this.#end);
      const buffer = new Uint8Array(2 * rest.length + size);
      buffer.set(rest);
      this.#window = windowOf(buffer, offset + used, littleEndian);
      this.#at -= used;
      this.#end = rest.length;
    }
    return this.#window.bytes.subarray(this.#end);
  }

  /** So many bytes have been put into the {@linkcode room}. */
  added(size: number): void {
    this.#end += size;
  }

  /**
   * Forgets what has come from {@linkcode position} on, as it may have changed in the
   * file. What is put into the room then is from there.
   */
  forgetRest(): void {
    this.#window = windowOf(
      new Uint8Array(0),
      this.position,
      this.#window.littleEndian,
    );
    this.#at = 0;
    this.#end = 0;
  }

  /**
   * The next record; undefined where it has not come whole.
   *
   * @throws {JitDumpFormatError} If it is malformed. Where its own size is right, the
   * next call goes on behind it.
   */
  next(): DumpRecord | undefined {
    if (!this.header) return undefined;
    const at = this.#at;
    const left = this.#end - at;
    if (left < RecordHeader.size) return undefined;
    const { view, littleEndian } = this.#window;
    const size = view.getUint32(
      at + RecordHeader.offsets.totalSize,
      littleEndian,
    );
    if (size > left || this.isAtZeros) return undefined;
    if (size < RecordHeader.size) {
      throw new JitDumpFormatError(
        `is ${size}, and a record has ${RecordHeader.size} bytes at the least`,
        {
          offset: this.position + RecordHeader.offsets.totalSize,
          record: recordName(view.getUint32(at, littleEndian)),
          field: "total_size",
        },
      );
    }
    this.#at += size;
    return recordAt(this.#window, at);
  }

  /**
   * Whether zeros are at the position, behind which no record comes. (Of a record in a
   * mapped file the size comes last, so 8 bytes say it: a first id is 0 too.)
   */
  get isAtZeros(): boolean {
    return this.#end - this.#at >= ID_AND_SIZE && this.#startsWithZeros;
  }

  /** Why the file ends here; undefined where it ends behind a record. */
  get tail(): Tail | undefined {
    if (this.#at === this.#end) return undefined;
    const kind = this.#startsWithZeros ? "zeros" : "cut";
    return { offset: Math.min(this.position, this.received), kind };
  }

  /** Where in the file the next record ends, as far as is known. */
  get nextEnd(): number {
    const isKnown = this.#end - this.#at >= ID_AND_SIZE && this.header;
    if (!isKnown) return this.position;
    const at = this.#at + RecordHeader.offsets.totalSize;
    const { view, littleEndian } = this.#window;
    return this.position + view.getUint32(at, littleEndian);
  }

  get #startsWithZeros(): boolean {
    const rest = this.#window.bytes.subarray(this.#at, this.#end);
    return rest.length > 0 &&
      rest.subarray(0, ID_AND_SIZE).every((byte) => byte === 0);
  }

  #takeHeader(): DumpHeader | undefined {
    if (this.#end < FileHeader.size) return undefined;
    const { bytes, view } = this.#window;
    const littleEndian = view.getUint32(0, true) === JITDUMP_MAGIC;
    const header = FileHeader.unpack(bytes, littleEndian);
    if (header.magic !== JITDUMP_MAGIC) {
      throw new JitDumpFormatError(
        `is 0x${header.magic.toString(16)}, so this is no jitdump file`,
        { offset: 0, record: "file header", field: "magic" },
      );
    }
    this.#window = { ...this.#window, littleEndian };
    // perf 6.1 to 7.2 reads 40 bytes too if it is less.
    this.#at = Math.max(header.totalSize, FileHeader.size);
    return { ...header, littleEndian };
  }
}

/** Says that a file ends before its header does. */
export function refuseShort(size: number): never {
  throw new JitDumpFormatError(
    `is missing: the file has ${size} bytes, and its header ${FileHeader.size}`,
    { offset: 0, record: "file header", field: "magic" },
  );
}

function windowOf(
  bytes: Uint8Array,
  offset: number,
  littleEndian: boolean,
): Window {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return { bytes, view, offset, littleEndian };
}
