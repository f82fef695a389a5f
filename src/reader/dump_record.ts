/**
 * The records of a dump.
 *
 * A record is a view of the input buffer. Its fields are decoded lazily, so that skipping
 * records is almost free.
 *
 * @module
 */

import {
  CodeLoadRecord,
  CodeMoveRecord,
  DebugEntry as DebugEntryStruct,
  DebugInfoRecord,
  RecordHeader,
  RecordId,
  UnwindingInfoRecord,
} from "../format/record.ts";
import { FREED_SIZE } from "../v8.ts";
import { JitDumpFormatError } from "./format_error.ts";

const HEADER = RecordHeader.offsets;
const LOAD = CodeLoadRecord.offsets;
const MOVE = CodeMoveRecord.offsets;
const INFO = DebugInfoRecord.offsets;
const ENTRY = DebugEntryStruct.offsets;
const UNWINDING = UnwindingInfoRecord.offsets;

const decoder = new TextDecoder();

/** Decodes a text that often equals the preceding one, such as a file's name. */
class RepeatedText {
  #bytes = new Uint8Array(0);
  #text = "";

  decode(bytes: Uint8Array): string {
    const last = this.#bytes;
    let same = bytes.length === last.length;
    for (let i = 0; same && i < bytes.length; i++) same = bytes[i] === last[i];
    if (!same) {
      this.#bytes = bytes.slice();
      this.#text = decoder.decode(bytes);
    }
    return this.#text;
  }
}

const files = new RepeatedText();

/** The specification's names of records, by id. */
const RECORD_NAMES: Record<number, string> = {
  [RecordId.JitCodeLoad]: "JIT_CODE_LOAD",
  [RecordId.JitCodeMove]: "JIT_CODE_MOVE",
  [RecordId.JitCodeDebugInfo]: "JIT_CODE_DEBUG_INFO",
  [RecordId.JitCodeClose]: "JIT_CODE_CLOSE",
  [RecordId.JitCodeUnwindingInfo]: "JIT_CODE_UNWINDING_INFO",
};

/** Returns the specification's name of a record. */
export function recordName(id: number): string {
  return RECORD_NAMES[id] ?? `record of unknown id ${id}`;
}

/** A part of a file that is in memory. */
export interface Window {
  /** The bytes. */
  readonly bytes: Uint8Array;
  /** A view of the same bytes. */
  readonly view: DataView;
  /** Byte offset of the first byte in the file. */
  readonly offset: number;
  /** The byte order of the machine that wrote the file. */
  readonly littleEndian: boolean;
}

/** A record. Only the subclasses for known ids have further fields. */
export class DumpRecord {
  readonly #window: Window;
  readonly #at: number;

  /**
   * Creates a record, as the reader does.
   *
   * @param window A window that contains the record.
   * @param at The record's start in the window.
   */
  constructor(window: Window, at: number) {
    this.#window = window;
    this.#at = at;
  }

  /** Byte offset of the record in the file. */
  get offset(): number {
    return this.#window.offset + this.#at;
  }

  /** The kind of record; see {@linkcode RecordId}. */
  get id(): number {
    return this.u32(HEADER.id);
  }

  /** Size of the whole record in bytes. */
  get totalSize(): number {
    return this.u32(HEADER.totalSize);
  }

  /** The time of the event, in nanoseconds of CLOCK_MONOTONIC if the file's flags are 0. */
  get timestamp(): bigint {
    return this.u64(HEADER.timestamp);
  }

  /** The record's bytes, its header included. */
  get bytes(): Uint8Array {
    return this.slice(0, this.totalSize);
  }

  /** True if the record is complete; a dump can end within its last record. */
  get isComplete(): boolean {
    return this.available === this.totalSize;
  }

  /** Number of the record's bytes that the dump contains. */
  protected get available(): number {
    const left = this.#window.bytes.length - this.#at;
    return Math.min(left, this.totalSize);
  }

  /** Number of the record's bytes that its fields occupy; the rest is padding. */
  get usedSize(): number {
    return this.totalSize;
  }

  /** Returns a copy that does not keep the buffer, with other records, in memory. */
  copy(): this {
    const bytes = this.bytes.slice();
    const { littleEndian } = this.#window;
    const recordClass = this.constructor as new (w: Window, at: number) => this;
    const view = new DataView(bytes.buffer);
    return new recordClass(
      { bytes, view, offset: this.offset, littleEndian },
      0,
    );
  }

  /** Returns an object of all fields, without code and tables. */
  toJSON(): Record<string, unknown> {
    const { offset, id, totalSize, timestamp } = this;
    return { offset, record: recordName(id), id, totalSize, timestamp };
  }

  /** Returns the u32 at an offset in the record. */
  protected u32(offset: number): number {
    const { view, littleEndian } = this.#window;
    return view.getUint32(this.#at + offset, littleEndian);
  }

  /** Returns the u64 at an offset in the record. */
  protected u64(offset: number): bigint {
    const { view, littleEndian } = this.#window;
    return view.getBigUint64(this.#at + offset, littleEndian);
  }

  /** Returns a u64 size as a `number`: exact enough to compare it with a record's size. */
  protected size(offset: number): number {
    const { view, littleEndian } = this.#window;
    const at = this.#at + offset;
    const first = view.getUint32(at, littleEndian);
    const second = view.getUint32(at + 4, littleEndian);
    return littleEndian
      ? second * 0x1_0000_0000 + first
      : first * 0x1_0000_0000 + second;
  }

  /** Returns a view of a part of the record. */
  protected slice(start: number, end: number): Uint8Array {
    return this.#window.bytes.subarray(this.#at + start, this.#at + end);
  }

  /** Returns the offset of the NUL that ends a text; -1 if there is none before `end`. */
  protected endOfText(start: number, end: number): number {
    const { bytes } = this.#window;
    // Not indexOf(), which would search all of the buffer for a hostile record.
    for (let i = start; i < end; i++) if (bytes[this.#at + i] === 0) return i;
    return -1;
  }

  /** Throws an error about a field. */
  protected refuse(problem: string, field: string, offset: number): never {
    throw new JitDumpFormatError(problem, {
      offset: this.offset + offset,
      record: recordName(this.id),
      field,
    });
  }

  /** Throws if the fixed fields do not fit in the record, or the file ends within them. */
  protected requireSize(size: number): void {
    const { available, totalSize } = this;
    if (available >= size) return;
    if (available < totalSize) {
      this.refuse(
        `is ${totalSize}, but the file has only ${available} bytes of the record`,
        "total_size",
        HEADER.totalSize,
      );
    }
    this.refuse(
      `is ${this.totalSize}, but the record has at least ${size} bytes`,
      "total_size",
      HEADER.totalSize,
    );
  }
}

/** Maximum size of code in bytes: perf 6.1 to 7.2 stores it in a C `int`. */
const LARGEST_CODE = 2 ** 31 - 1;

/**
 * JIT_CODE_LOAD: a function.
 *
 * A record may omit the code: `code_size` is still the size of the function, and the
 * record ends after the name.
 */
export class CodeLoad extends DumpRecord {
  readonly #hasCode: boolean;
  readonly #nameEnd: number;

  /** Creates a record; throws a {@linkcode JitDumpFormatError} if it is malformed. */
  constructor(window: Window, at: number) {
    super(window, at);
    this.requireSize(CodeLoadRecord.size + 1);
    const { totalSize, codeSize, available } = this;
    const space = totalSize - CodeLoadRecord.size - 1;
    const nul = this.endOfText(CodeLoadRecord.size, available);
    this.#hasCode = codeSize <= space;
    if (!this.#hasCode && (nul !== totalSize - 1 || codeSize > LARGEST_CODE)) {
      this.refuse(
        `is ${codeSize}, but the record has space for ${space}`,
        "code_size",
        LOAD.codeSize,
      );
    }
    if (nul === -1 || this.#hasCode && nul >= totalSize - codeSize) {
      this.refuse("has no NUL at its end", "name", CodeLoadRecord.size);
    }
    this.#nameEnd = nul;
  }

  /** The process that compiled the function. */
  get pid(): number {
    return this.u32(LOAD.pid);
  }

  /** The thread that compiled the function. */
  get tid(): number {
    return this.u32(LOAD.tid);
  }

  /** The address at which the function runs. */
  get vma(): bigint {
    return this.u64(LOAD.vma);
  }

  /** The address at which the function was compiled; usually equal to `vma`. */
  get codeAddr(): bigint {
    return this.u64(LOAD.codeAddr);
  }

  /** The size of the code in bytes. */
  get codeSize(): number {
    return this.size(LOAD.codeSize);
  }

  /** The function's code index; perf names its image by it. */
  get codeIndex(): bigint {
    return this.u64(LOAD.codeIndex);
  }

  /** The function's name. */
  get functionName(): string {
    return decoder.decode(this.slice(CodeLoadRecord.size, this.#nameEnd));
  }

  /**
   * The machine code: the record's last bytes, as in perf 6.1 to 7.2. Empty if
   * the writer left it out, and shorter than `codeSize` if the record is incomplete.
   */
  get code(): Uint8Array {
    const { totalSize } = this;
    const start = this.#hasCode ? totalSize - this.codeSize : totalSize;
    return this.slice(start, totalSize);
  }

  /** Number of the record's bytes that its fields occupy; the rest is padding. */
  override get usedSize(): number {
    return this.#nameEnd + 1 + (this.#hasCode ? this.codeSize : 0);
  }

  /** Returns an object of all fields, without code and tables. */
  override toJSON(): Record<string, unknown> {
    const { pid, tid, vma, codeAddr, codeSize, codeIndex, functionName } = this;
    return {
      ...super.toJSON(),
      ...{ pid, tid, vma, codeAddr, codeSize, codeIndex, functionName },
    };
  }
}

/** JIT_CODE_MOVE: the move of a function to another address. */
export class CodeMove extends DumpRecord {
  /** Creates a record; throws a {@linkcode JitDumpFormatError} if it is malformed. */
  constructor(window: Window, at: number) {
    super(window, at);
    this.requireSize(CodeMoveRecord.size);
  }

  /** The process of the function. */
  get pid(): number {
    return this.u32(MOVE.pid);
  }

  /** The thread that moved the function. */
  get tid(): number {
    return this.u32(MOVE.tid);
  }

  /** Number of the record's bytes that its fields occupy; the rest is padding. */
  override get usedSize(): number {
    return CodeMoveRecord.size;
  }

  /** The function's new address. */
  get vma(): bigint {
    return this.u64(MOVE.vma);
  }

  /** The function's previous address. */
  get oldCodeAddr(): bigint {
    return this.u64(MOVE.oldCodeAddr);
  }

  /** The function's new address. */
  get newCodeAddr(): bigint {
    return this.u64(MOVE.newCodeAddr);
  }

  /** The size of the code in bytes. */
  get codeSize(): number {
    return this.size(MOVE.codeSize);
  }

  /** The function's code index. */
  get codeIndex(): bigint {
    return this.u64(MOVE.codeIndex);
  }

  /** Returns an object of all fields, without code and tables. */
  override toJSON(): Record<string, unknown> {
    const { pid, tid, vma, oldCodeAddr, newCodeAddr, codeSize, codeIndex } =
      this;
    return {
      ...super.toJSON(),
      ...{ pid, tid, vma, oldCodeAddr, newCodeAddr, codeSize, codeIndex },
    };
  }
}

/** A source line, and the address at which its code starts. */
export interface LineEntry {
  /** The address of the first instruction. */
  readonly codeAddr: bigint;
  /** The line, counted from 1; 0 means no line. */
  readonly line: number;
  /** The column, or a number that distinguishes pieces of code of one line. */
  readonly discrim: number;
  /** The source file. */
  readonly file: string;
}

/** Alignment in bytes to which some writers pad records of lines. */
export const LINES_PADDED_TO = 8;

/** JIT_CODE_DEBUG_INFO: the source lines of a function. */
export class DebugInfo extends DumpRecord {
  /** The offset in the record at which the entries end. */
  readonly #entriesEnd: number;

  /** Creates a record; throws a {@linkcode JitDumpFormatError} if it is malformed. */
  constructor(window: Window, at: number) {
    super(window, at);
    this.requireSize(DebugInfoRecord.size);
    const { available, nrEntry } = this;
    let next = DebugInfoRecord.size;
    for (let i = 0; i < nrEntry; i++) {
      const nameAt = next + DebugEntryStruct.size;
      const end = nameAt < available ? this.endOfText(nameAt, available) : -1;
      if (end === -1) {
        this.refuse(
          `is ${nrEntry}, but the record ends in entry ${i}`,
          "nr_entry",
          INFO.nrEntry,
        );
      }
      next = end + 1;
    }
    this.#entriesEnd = next;
  }

  /** The address of the function. */
  get codeAddr(): bigint {
    return this.u64(INFO.codeAddr);
  }

  /** Number of entries. */
  get nrEntry(): number {
    return this.size(INFO.nrEntry);
  }

  /** The entries. */
  get entries(): LineEntry[] {
    const entries: LineEntry[] = [];
    const { available } = this;
    let at = DebugInfoRecord.size;
    for (let left = this.nrEntry; left > 0; left--) {
      const nameAt = at + DebugEntryStruct.size;
      const end = this.endOfText(nameAt, available);
      entries.push({
        codeAddr: this.u64(at + ENTRY.codeAddr),
        line: this.u32(at + ENTRY.line),
        discrim: this.u32(at + ENTRY.discrim),
        file: files.decode(this.slice(nameAt, end)),
      });
      at = end + 1;
    }
    return entries;
  }

  /** Number of the record's bytes that its fields occupy; the rest is padding. */
  override get usedSize(): number {
    return this.#entriesEnd;
  }

  /**
   * Returns the entries on the assumption that file names begin with freed memory, as Node 18
   * to 24 writes them. A NUL in the freed memory ends a name only if it is followed by an
   * entry with an address in the range, or by the record's end.
   *
   * @returns The entries; undefined if an entry is not in the range.
   */
  entriesIn(start: bigint, end: bigint): LineEntry[] | undefined {
    const entries: LineEntry[] = [];
    const { available, nrEntry } = this;
    const isEntry = (at: number) => {
      if (at + DebugEntryStruct.size > available) return false;
      const address = this.u64(at + ENTRY.codeAddr);
      return start <= address && address <= end;
    };
    let at = DebugInfoRecord.size;
    while (entries.length < nrEntry) {
      if (!isEntry(at)) return undefined;
      const nameAt = at + DebugEntryStruct.size;
      const isLast = entries.length === nrEntry - 1;
      const isEnd = (nul: number) =>
        isLast ? nul >= available - LINES_PADDED_TO : isEntry(nul + 1);
      let nul = this.endOfText(nameAt, available);
      while (nul !== -1 && !isEnd(nul)) {
        if (nul >= nameAt + FREED_SIZE) return undefined;
        nul = this.endOfText(nul + 1, available);
      }
      if (nul === -1) return undefined;
      entries.push({
        codeAddr: this.u64(at + ENTRY.codeAddr),
        line: this.u32(at + ENTRY.line),
        discrim: this.u32(at + ENTRY.discrim),
        file: decoder.decode(this.slice(nameAt, nul)),
      });
      at = nul + 1;
    }
    return entries;
  }

  /** Returns an object of all fields, without code and tables. */
  override toJSON(): Record<string, unknown> {
    const { codeAddr, nrEntry, entries } = this;
    return { ...super.toJSON(), codeAddr, nrEntry, entries };
  }
}

/** JIT_CODE_CLOSE: the writer has closed the dump. */
export class CodeClose extends DumpRecord {
  /** Number of the record's bytes that its fields occupy; the rest is padding. */
  override get usedSize(): number {
    return RecordHeader.size;
  }
}

/** JIT_CODE_UNWINDING_INFO: the unwind info of the next function in the file. */
export class UnwindingInfo extends DumpRecord {
  /** Creates a record; throws a {@linkcode JitDumpFormatError} if it is malformed. */
  constructor(window: Window, at: number) {
    super(window, at);
    this.requireSize(UnwindingInfoRecord.size);
    const space = this.available - UnwindingInfoRecord.size;
    if (this.unwindingSize > space) {
      this.refuse(
        `is ${this.unwindingSize}, but the record has space for ${space}`,
        "unwinding_size",
        UNWINDING.unwindingSize,
      );
    }
    if (this.ehFrameHdrSize > this.unwindingSize) {
      this.refuse(
        `is ${this.ehFrameHdrSize}, but unwinding_size is ${this.unwindingSize}`,
        "eh_frame_hdr_size",
        UNWINDING.ehFrameHdrSize,
      );
    }
  }

  /** Number of the record's bytes that its fields occupy; the rest is padding. */
  override get usedSize(): number {
    return UnwindingInfoRecord.size + this.unwindingSize;
  }

  /** The size of the unwind info in bytes. */
  get unwindingSize(): number {
    return this.size(UNWINDING.unwindingSize);
  }

  /** The size of `.eh_frame_hdr`, which is the last part of the unwind info. */
  get ehFrameHdrSize(): number {
    return this.size(UNWINDING.ehFrameHdrSize);
  }

  /** Number of bytes by which perf extends the function's mapping for the unwind info. */
  get mappedSize(): bigint {
    return this.u64(UNWINDING.mappedSize);
  }

  /** The section `.eh_frame`: the start of the data, as perf 6.1 to 7.2 reads it. */
  get ehFrame(): Uint8Array {
    const start = UnwindingInfoRecord.size;
    return this.slice(start, start + this.unwindingSize - this.ehFrameHdrSize);
  }

  /** The section `.eh_frame_hdr`: after `.eh_frame`, as perf 6.1 to 7.2 reads it. */
  get ehFrameHdr(): Uint8Array {
    const end = UnwindingInfoRecord.size + this.unwindingSize;
    return this.slice(end - this.ehFrameHdrSize, end);
  }

  /** Returns an object of all fields, without code and tables. */
  override toJSON(): Record<string, unknown> {
    const { unwindingSize, ehFrameHdrSize, mappedSize } = this;
    return {
      ...super.toJSON(),
      ...{ unwindingSize, ehFrameHdrSize, mappedSize },
    };
  }
}

/** The class of records for each id. */
const CLASSES = {
  [RecordId.JitCodeLoad]: CodeLoad,
  [RecordId.JitCodeMove]: CodeMove,
  [RecordId.JitCodeDebugInfo]: DebugInfo,
  [RecordId.JitCodeClose]: CodeClose,
  [RecordId.JitCodeUnwindingInfo]: UnwindingInfo,
} as const;

/**
 * Returns the record at `at` as an instance of the class for its id; a plain
 * {@linkcode DumpRecord} if the specification does not define the id.
 *
 * @throws {JitDumpFormatError} If its fields do not fit in it.
 */
export function recordAt(window: Window, at: number): DumpRecord {
  const id = window.view.getUint32(at + HEADER.id, window.littleEndian);
  const recordClass = (CLASSES as Record<number, typeof DumpRecord>)[id] ??
    DumpRecord;
  return new recordClass(window, at);
}
