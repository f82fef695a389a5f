/**
 * Reading on behind damage.
 *
 * V8 gives a debug-info record a wrong size where code of other files is inlined in the
 * function: it counts other names than it writes. What is behind, up to the next record
 * that begins where it seems to, is lost for those who go by the sizes, as perf does.
 *
 * @module
 */

import { RecordHeader, RecordId, SKIPPED_RECORD_ID } from "../format/record.ts";
import { DebugInfo, type DumpRecord } from "./dump_record.ts";
import { JitDumpFormatError } from "./format_error.ts";
import { RecordFeed } from "./record_feed.ts";
import type { DumpHeader } from "./scanner.ts";

/** What cannot be read of a dump. */
export interface Damage {
  /** What is wrong, and where. */
  readonly problem: string;
  /** Where in the file records were found again; undefined where none were. */
  readonly end: number | undefined;
}

/** Ids that a record may have that came to be later than this reader. */
const IDS = 16;

/** So many records must follow each other for bytes to be taken for records. */
const CHAIN = 3;

/** Larger records are not looked for. */
const LARGEST = 2 ** 28;

/** What is found must be of a time near to that of the records before, in ns. */
const EARLIER = 10n * 10n ** 9n;
const LATER = 3600n * 10n ** 9n;

/** How much is searched at once. */
const CHUNK_SIZE = 1024 * 1024;

/**
 * Goes through the records of a file, and from where they are damaged to where there are
 * records again.
 *
 * @param onDamage Is told of each damage.
 * @throws {JitDumpFormatError} If it does not begin with the header of a dump.
 * @throws Whatever opening the file throws.
 */
export async function* salvageRecords(
  path: string,
  onDamage: (damage: Damage) => void = () => {},
): AsyncGenerator<DumpRecord, void> {
  let feed = await RecordFeed.open(path);
  const { header } = feed;
  let last: DumpRecord | undefined;
  let found = 0;
  try {
    for (;;) {
      const start = feed.position;
      let problem = `no record begins at byte ${start}`;
      let isTail = false;
      try {
        const record = feed.nextAtHand() ?? await feed.next();
        if (record && isUsual(record.id)) {
          last = record;
          yield record;
          continue;
        }
        isTail = !record;
      } catch (error) {
        if (!(error instanceof JitDumpFormatError)) throw error;
        problem = error.message;
      }
      // The next one may begin before the end that the last one says it has.
      const from = isSuspect(last, start) ? last.offset : start;
      using search = new Search(path, header, last?.timestamp);
      if (isTail && from === start && isUsual(search.idAt(start))) return;
      // What has been found once and could not be read is not found again.
      const end = search.recordsBehind(Math.max(from, found));
      if (end !== undefined || !isTail) onDamage({ problem, end });
      if (end === undefined) return;
      await feed.close();
      feed = await RecordFeed.resume(path, header, end);
      found = end;
    }
  } finally {
    await feed.close();
  }
}

/** Whether writers write records of that id; no id is none of a record. */
function isUsual(id: number | undefined): boolean {
  return id === undefined || id < IDS || id === SKIPPED_RECORD_ID;
}

/** Whether the size of the record in front of that position may be wrong. */
function isSuspect(
  record: DumpRecord | undefined,
  position: number,
): record is DebugInfo {
  return record instanceof DebugInfo &&
    record.offset + record.totalSize === position;
}

/** Looks for records in a file. */
class Search implements Disposable {
  readonly #file: Deno.FsFile;
  readonly #size: number;
  readonly #littleEndian: boolean;
  readonly #time: bigint | undefined;
  #chunk = new DataView(new ArrayBuffer(0));
  /** Where in the file the chunk is. */
  #start = 0;

  /** @param time A time near to that of the records; undefined where any will do. */
  constructor(path: string, header: DumpHeader, time: bigint | undefined) {
    this.#file = Deno.openSync(path);
    this.#size = this.#file.statSync().size;
    this.#littleEndian = header.littleEndian;
    this.#time = time;
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }

  /** The id of a record at a position; undefined where the file ends before it does. */
  idAt(position: number): number | undefined {
    const isThere = position + RecordHeader.size <= this.#size;
    return isThere ? this.#u32(position) : undefined;
  }

  /** The first place behind a position where records are; undefined if there is none. */
  recordsBehind(position: number): number | undefined {
    const end = this.#size - RecordHeader.size;
    for (let at = position + 1; at <= end; at++) {
      if (this.#isRecord(at, 1)) return at;
    }
    return undefined;
  }

  /** @param count The how manieth of the chain it would be. */
  #isRecord(at: number, count: number): boolean {
    if (count > CHAIN) return true;
    // Where the file ends there may be no more, or a part of one.
    if (at + RecordHeader.size > this.#size) {
      return count > 1 && at <= this.#size;
    }
    if (this.#u32(at) > RecordId.JitCodeUnwindingInfo) return false;
    const { totalSize, timestamp } = this.#header(at);
    return totalSize >= RecordHeader.size && totalSize <= LARGEST &&
      this.#isNear(timestamp) && this.#isRecord(at + totalSize, count + 1);
  }

  #isNear(timestamp: bigint): boolean {
    const time = this.#time;
    return time === undefined ||
      timestamp >= time - EARLIER && timestamp <= time + LATER;
  }

  #u32(at: number): number {
    const offset = this.#offsetOf(at);
    return this.#chunk.getUint32(offset, this.#littleEndian);
  }

  #header(at: number): RecordHeader {
    const offset = this.#offsetOf(at);
    const bytes = new Uint8Array(this.#chunk.buffer, offset, RecordHeader.size);
    return RecordHeader.unpack(bytes, this.#littleEndian);
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
