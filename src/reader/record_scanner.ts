/**
 * Division of bytes into records.
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

/** Size of a record's first two fields. */
const ID_AND_SIZE = RecordHeader.offsets.timestamp;

/** The header of a dump. */
export interface DumpHeader extends FileHeader {
  /** The byte order of the machine that wrote the file. */
  readonly littleEndian: boolean;
}

/** The reason why a dump does not end after a whole record. */
export interface Tail {
  /** Byte offset in the file at which the last whole record ends. */
  readonly offset: number;
  /**
   * `"cut"`: the file ends within a record. `"zeros"`: zeros follow, because a writer was
   * killed while its file was mapped.
   */
  readonly kind: "cut" | "zeros";
}

/**
 * Finds the records in bytes that are added piece by piece.
 *
 *     file    ├────────────────────────────────────────────────────────┤
 *     buffer        ├─────────────────────────────┬─────────┤
 *                   offset        position        end       capacity
 *                   records that  bytes to      space for
 *                   have been     scan          more
 *                   returned
 *
 * Returned records are views of the buffer, so its bytes never change: if there is no space
 * after the end, the bytes to scan move to a new buffer. Its size depends on the bytes that
 * have been added, never on the size in a record.
 */
export class RecordScanner {
  #window: Window;
  /** Offset of the next record in the buffer; it can be after the end. */
  #at = 0;
  #end = 0;
  #header: DumpHeader | undefined;

  /** @param bytes The first bytes, or all of them. They must not change. */
  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.#window = windowOf(bytes, 0, true);
    this.#end = bytes.length;
  }

  /** The position in the file of the next record. */
  get position(): number {
    return this.#window.offset + this.#at;
  }

  /** Number of bytes of the file that have been added. */
  get received(): number {
    return this.#window.offset + this.#end;
  }

  /** The header; undefined until its bytes have been added. */
  get header(): DumpHeader | undefined {
    this.#header ??= this.#takeHeader();
    return this.#header;
  }

  /** Returns space for at least `size` bytes; pass the number of bytes to {@linkcode added}. */
  space(size: number): Uint8Array {
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

  /** Adds the first `size` bytes of the {@linkcode space}. */
  added(size: number): void {
    this.#end += size;
  }

  /**
   * Discards the bytes from {@linkcode position} on, because they may have changed in the
   * file. The caller reads them again and adds them.
   */
  discardRest(): void {
    this.#window = windowOf(
      new Uint8Array(0),
      this.position,
      this.#window.littleEndian,
    );
    this.#at = 0;
    this.#end = 0;
  }

  /**
   * Returns the next record; undefined if not all of it has been added.
   *
   * @throws {JitDumpFormatError} If it is malformed. If its size is right, the next call
   * returns the record after it.
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
    if (size > left) return undefined;
    if (size < RecordHeader.size) {
      if (this.isAtZeros) return undefined;
      throw new JitDumpFormatError(
        `is ${size}, but a record has at least ${RecordHeader.size} bytes`,
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
   * True if zeros are at the position, so that no record follows. Eight bytes are enough: an
   * id can be 0, but a size cannot, and mapped writers write it last.
   */
  get isAtZeros(): boolean {
    return this.#end - this.#at >= ID_AND_SIZE && this.#startsWithZeros;
  }

  /** The reason why the added bytes do not end after a whole record; undefined if they do. */
  get tail(): Tail | undefined {
    if (this.#at === this.#end) return undefined;
    const kind = this.#startsWithZeros ? "zeros" : "cut";
    return { offset: Math.min(this.position, this.received), kind };
  }

  /** The position in the file of the next record's end, or of its start until that is known. */
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
        `is 0x${header.magic.toString(16)}, so this is not a jitdump file`,
        { offset: 0, record: "file header", field: "magic" },
      );
    }
    this.#window = { ...this.#window, littleEndian };
    // perf 6.1 to 7.2 reads 40 bytes even if the header's size is less.
    this.#at = Math.max(header.totalSize, FileHeader.size);
    return { ...header, littleEndian };
  }
}

/** Throws an error about a file that ends within its header. */
export function refuseShort(size: number): never {
  throw new JitDumpFormatError(
    `is missing: the file has ${size} bytes, but a header has ${FileHeader.size}`,
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
