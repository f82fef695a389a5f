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

/** Ids that a record may have that came to be later than this reader. */
const IDS = 16;

/** Writers fill up lines with zeros, to a multiple of this. */
const PADDED_TO = 8;

/** So many records must follow each other for bytes to be taken for records. */
const CHAIN = 3;

/** Larger records are not looked for. */
const LARGEST = 2 ** 28;

/** What is found must be of a time near to that of the records before, in ns. */
const EARLIER = 10n * 10n ** 9n;
const LATER = 24n * 3600n * 10n ** 9n;

/** How much is searched at once. */
const CHUNK_SIZE = 1024 * 1024;

/** A dump whose records are read as far as there are any, whatever is in between. */
export class SalvagedDump implements AsyncIterable<DumpRecord | Damage> {
  readonly header: DumpHeader;
  readonly #path: string;
  #feed: RecordFeed;
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
    let time: bigint | undefined;
    for (;;) {
      const feed = this.#feed;
      const start = feed.position;
      let offset = start;
      let problem = `no record begins at byte ${start}`;
      let isTail = false;
      try {
        const record = feed.nextAtHand() ?? await feed.next();
        if (record && this.#isRecord(record)) {
          yield record;
          time = record.timestamp || time;
          const end = endOf(record);
          from = end;
          if (!(record instanceof DebugInfo)) continue;
          from = end - record.padding.length - 1;
          if (!isSuspect(record)) continue;
          const found = this.#searched.recordsBehind(from, time);
          if (found === undefined || found === end) continue;
          offset = record.offset;
          problem =
            `JIT_CODE_DEBUG_INFO at byte ${offset}: total_size is not that of its entries`;
        }
        isTail = !record;
      } catch (error) {
        if (!(error instanceof JitDumpFormatError)) throw error;
        problem = error.message;
        offset = error.offset;
      }
      const end = this.#searched.recordsBehind(from, time);
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
    return record.id < IDS || record.id === SKIPPED_RECORD_ID ||
      this.#searched.areRecordsAt(endOf(record));
  }

  get #searched(): Search {
    return this.#search ??= new Search(this.#path, this.header);
  }

  /** Closes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#search?.[Symbol.dispose]();
    await this.#feed.close();
  }
}

const endOf = ({ offset, totalSize }: DumpRecord) => offset + totalSize;

/** Whether the next record may begin before these lines end. */
function isSuspect({ padding }: DebugInfo): boolean {
  return padding.length >= PADDED_TO || padding.some((byte) => byte !== 0);
}

/** Looks for records in a file. */
class Search implements Disposable {
  readonly #file: Deno.FsFile;
  readonly #size: number;
  readonly #littleEndian: boolean;
  #time: bigint | undefined;
  #chunk = new DataView(new ArrayBuffer(0));
  /** Where in the file the chunk is. */
  #start = 0;

  constructor(path: string, header: DumpHeader) {
    this.#file = Deno.openSync(path);
    this.#size = this.#file.statSync().size;
    this.#littleEndian = header.littleEndian;
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }

  /**
   * The first place behind a position where records are; undefined if there is none.
   *
   * @param time A time near to that of the records; undefined where any will do.
   */
  recordsBehind(
    position: number,
    time: bigint | undefined,
  ): number | undefined {
    this.#time = time;
    const end = this.#size - RecordHeader.size;
    for (let at = position + 1; at <= end; at++) {
      if (this.#isRecord(at, 1)) return at;
    }
    return undefined;
  }

  /** Whether there are records at a position, or the file ends there. */
  areRecordsAt(position: number): boolean {
    this.#time = undefined;
    return this.#isRecord(position, 2);
  }

  /** @param count The how manieth of the chain it would be. */
  #isRecord(at: number, count: number): boolean {
    if (count > CHAIN) return true;
    // Where the file ends there may be no more, or a part of one.
    if (at + RecordHeader.size > this.#size) {
      return count > 1 && at <= this.#size;
    }
    const offset = this.#offsetOf(at);
    const id = this.#chunk.getUint32(offset, this.#littleEndian);
    if (id > RecordId.JitCodeUnwindingInfo && id !== SKIPPED_RECORD_ID) {
      return false;
    }
    const size = this.#chunk.getUint32(
      offset + RecordHeader.offsets.totalSize,
      this.#littleEndian,
    );
    return size >= RecordHeader.size && size <= LARGEST &&
      (id === SKIPPED_RECORD_ID ||
        this.#isNear(offset + RecordHeader.offsets.timestamp)) &&
      this.#isRecord(at + size, count + 1);
  }

  /** Whether the time at a place of the chunk is near. */
  #isNear(offset: number): boolean {
    const near = this.#time;
    if (near === undefined) return true;
    const time = this.#chunk.getBigUint64(offset, this.#littleEndian);
    return time >= near - EARLIER && time <= near + LATER;
  }

  /** Where in the chunk the header at a place of the file is. */
  #offsetOf(at: number): number {
    const offset = at - this.#start;
    if (offset >= 0 && offset + RecordHeader.size <= this.#chunk.byteLength) {
      return offset;
    }
    const bytes = new Uint8Array(Math.min(CHUNK_SIZE, this.#size - at));
    this.#file.seekSync(at, Deno.SeekMode.Start);
    for (let size = 0; size < bytes.length;) {
      const read = this.#file.readSync(bytes.subarray(size));
      if (read === null) throw new Deno.errors.UnexpectedEof();
      size += read;
    }
    this.#chunk = new DataView(bytes.buffer);
    this.#start = at;
    return 0;
  }
}
