/**
 * Reading on behind damage.
 *
 * V8 gives a debug-info record a wrong size where code of other files is inlined in the
 * function: it counts other names than it writes. What is behind, up to the next record
 * that begins where it seems to, is lost for those who go by the sizes, as perf does.
 *
 * @module
 */

import { FileHeader } from "../format/file_header.ts";
import { RecordHeader, RecordId, SKIPPED_RECORD_ID } from "../format/record.ts";
import { DebugInfo, type DumpRecord } from "./dump_record.ts";
import { JitDumpFormatError } from "./format_error.ts";
import { RecordFeed } from "./record_feed.ts";
import type { DumpHeader, Tail } from "./scanner.ts";

/** A part of a dump that cannot be read. */
export class Damage {
  /**
   * @param offset Where in the file it is noticed.
   * @param problem What is wrong there.
   * @param end Where in the file records were found again; undefined where none were.
   */
  constructor(
    readonly offset: number,
    readonly problem: string,
    readonly end: number | undefined,
  ) {}
}

/** Writers fill up lines with zeros, to a multiple of this. */
const PADDED_TO = 8;

/** So many records must follow each other for bytes to be taken for records. */
const CHAIN = 3;

/** Larger records are not looked for. */
const LARGEST = 2 ** 28;

/** What is found must be of a time near to those of the records before, in ns. */
const EARLIER = 10n * 10n ** 9n;
const LATER = 24n * 3600n * 10n ** 9n;

/** How much is searched at once. */
const CHUNK_SIZE = 1024 * 1024;

/** A dump whose records are read as far as there are any, whatever is in between. */
export class SalvagedDump implements AsyncIterable<DumpRecord | Damage> {
  readonly header: DumpHeader;
  readonly #path: string;
  #feed: RecordFeed;
  readonly #times = new Times();
  #search: Search | undefined;
  #tail: Tail | undefined;

  private constructor(path: string, feed: RecordFeed) {
    this.#path = path;
    this.#feed = feed;
    this.header = feed.header;
  }

  /**
   * Opens a dump.
   *
   * @throws {JitDumpFormatError} If it does not begin with the header of a dump.
   * @throws Whatever opening the file throws.
   */
  static async open(path: string): Promise<SalvagedDump> {
    return new SalvagedDump(path, await RecordFeed.open(path));
  }

  /** Why the dump ends where no record does, once it has been read. */
  get tail(): Tail | undefined {
    return this.#tail;
  }

  /** Goes through the records, and what is between them that is none. */
  async *[Symbol.asyncIterator](): AsyncGenerator<DumpRecord | Damage, void> {
    // Where records may begin again that have not been found yet.
    let from = this.header.totalSize > FileHeader.size
      ? FileHeader.size - 1
      : FileHeader.size;
    for (;;) {
      const feed = this.#feed;
      const start = feed.position;
      let offset = start;
      let problem = `no record begins at byte ${start}`;
      let isTail = false;
      let end: number | undefined;
      try {
        const record = feed.nextAtHand() ?? await feed.next();
        if (record && this.#isRecord(record)) {
          yield record;
          if (isKnown(record.id)) this.#times.add(record.timestamp);
          from = endOf(record);
          if (!(record instanceof DebugInfo)) continue;
          from -= record.padding.length + 1;
          if (!isSuspect(record)) continue;
          end = this.#recordsBehind(from);
          if (end === undefined || end === endOf(record)) continue;
          offset = record.offset;
          problem =
            `JIT_CODE_DEBUG_INFO at byte ${offset}: total_size is not that of its entries`;
        }
        isTail = !record;
        if (isTail && !feed.tail) return;
      } catch (error) {
        if (!(error instanceof JitDumpFormatError)) throw error;
        problem = error.message;
        offset = error.offset;
      }
      end ??= this.#recordsBehind(from);
      if (isTail && end === undefined) {
        this.#tail = feed.tail;
        return;
      }
      yield new Damage(offset, problem, end);
      if (end === undefined) return;
      // What could not be read there is not found once more.
      from = end;
      await feed.close();
      this.#feed = await RecordFeed.resume(this.#path, this.header, end);
    }
  }

  /** Whether it is a record that writers write, or may come to write. */
  #isRecord(record: DumpRecord): boolean {
    return isKnown(record.id) || !this.#isFile ||
      this.#searched.areRecordsAt(endOf(record));
  }

  #recordsBehind(position: number): number | undefined {
    return this.#isFile ? this.#searched.recordsBehind(position) : undefined;
  }

  /** What comes from a pipe comes once, and cannot be searched. */
  get #isFile(): boolean {
    return Deno.statSync(this.#path).isFile;
  }

  get #searched(): Search {
    return this.#search ??= new Search(this.#path, this.header, this.#times);
  }

  /** Closes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#search?.[Symbol.dispose]();
    await this.#feed.close();
  }
}

/** Whether the specification has records of that id, or this module writes them. */
function isKnown(id: number): boolean {
  return id <= RecordId.JitCodeUnwindingInfo || id === SKIPPED_RECORD_ID;
}

const endOf = ({ offset, totalSize }: DumpRecord) => offset + totalSize;

/** Whether the next record may begin before these lines end. */
function isSuspect({ padding }: DebugInfo): boolean {
  return padding.length >= PADDED_TO || padding.some((byte) => byte !== 0);
}

/** The times of records; not of those that have none. */
class Times {
  #first: bigint | undefined;
  #last = 0n;

  add(time: bigint): void {
    if (time === 0n) return;
    if (this.#first === undefined || time < this.#first) this.#first = time;
    if (time > this.#last) this.#last = time;
  }

  /** Whether a record of that time may be among them. */
  isNear(time: bigint): boolean {
    return this.#first === undefined ||
      time >= this.#first - EARLIER && time <= this.#last + LATER;
  }
}

/** Looks for records in a file. */
class Search implements Disposable {
  readonly #file: Deno.FsFile;
  readonly #size: number;
  readonly #littleEndian: boolean;
  readonly #times: Times;
  #chunk = new DataView(new ArrayBuffer(0));
  /** Where in the file the chunk is. */
  #start = 0;

  /** @param times Those of the records that have been read. */
  constructor(path: string, header: DumpHeader, times: Times) {
    this.#times = times;
    this.#file = Deno.openSync(path);
    this.#size = this.#file.statSync().size;
    this.#littleEndian = header.littleEndian;
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }

  /** The first place behind a position where records are; undefined if there is none. */
  recordsBehind(position: number): number | undefined {
    const end = this.#size - RecordHeader.size;
    for (let at = position + 1; at <= end; at++) {
      this.#load(at);
      if (this.#isZero(at)) at += RecordHeader.size / 2 - 1;
      else if (this.#isRecord(at, 1)) return at;
    }
    return undefined;
  }

  /** Whether there are zeros where a header would be: then none is before its middle. */
  #isZero(at: number): boolean {
    const chunk = this.#chunk;
    const offset = at - this.#start;
    return chunk.getUint32(offset) === 0 && chunk.getUint32(offset + 4) === 0 &&
      chunk.getUint32(offset + 8) === 0 && chunk.getUint32(offset + 12) === 0;
  }

  /** Whether there are records at a position, or the file ends there. */
  areRecordsAt(position: number): boolean {
    return this.#isRecord(position, 2);
  }

  /** @param count The how manieth of the chain it would be. */
  #isRecord(at: number, count: number): boolean {
    if (count > CHAIN) return true;
    // Where the file ends there may be no more, or a part of one.
    if (at + RecordHeader.size > this.#size) {
      return count > 1 && at <= this.#size;
    }
    const header = this.#headerAt(at);
    const id = header.getUint32(0, this.#littleEndian);
    if (!isKnown(id)) return false;
    const { totalSize, timestamp } = RecordHeader.offsets;
    const size = header.getUint32(totalSize, this.#littleEndian);
    if (size < RecordHeader.size || size > LARGEST) return false;
    const isNear = id === SKIPPED_RECORD_ID ||
      this.#times.isNear(
        header.getBigUint64(timestamp, this.#littleEndian),
      );
    return isNear && this.#isRecord(at + size, count + 1);
  }

  /** The header at a place of the file: what is searched stays where it is. */
  #headerAt(at: number): DataView {
    const offset = at - this.#start;
    if (offset >= 0 && offset + RecordHeader.size <= this.#chunk.byteLength) {
      return new DataView(this.#chunk.buffer, offset, RecordHeader.size);
    }
    return this.#read(at, RecordHeader.size);
  }

  /** Sees to it that the header at a place of the file is in the chunk. */
  #load(at: number): void {
    const offset = at - this.#start;
    if (offset >= 0 && offset + RecordHeader.size <= this.#chunk.byteLength) {
      return;
    }
    this.#chunk = this.#read(at, Math.min(CHUNK_SIZE, this.#size - at));
    this.#start = at;
  }

  #read(at: number, size: number): DataView<ArrayBuffer> {
    const bytes = new Uint8Array(size);
    this.#file.seekSync(at, Deno.SeekMode.Start);
    for (let done = 0; done < size;) {
      const read = this.#file.readSync(bytes.subarray(done));
      if (read === null) {
        throw new Deno.errors.UnexpectedEof(
          `the file ends at byte ${at + done}, and had ${this.#size} bytes`,
        );
      }
      done += read;
    }
    return new DataView(bytes.buffer);
  }
}
