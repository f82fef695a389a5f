/**
 * A recording of the last seconds, in memory.
 *
 * @module
 */

import { PerfRecordType } from "../perf_data/constants.ts";
import type { WritableFile } from "../perf_data/perf_data_writer.ts";
import { EventHeader, PerfHeader } from "../perf_data/structs.ts";

const { type: TYPE, size: SIZE } = EventHeader.offsets;
const { dataOffset: DATA_OFFSET, dataSize: DATA_SIZE } = PerfHeader.offsets;

/** Samples of one write. */
interface Batch {
  readonly time: number;
  readonly records: Uint8Array[];
}

/**
 * A file that keeps samples for some time, and all other records. It contains no
 * `PERF_RECORD_FINISHED_ROUND`, so that readers sort all records by time.
 */
export class RecentRecords implements WritableFile {
  readonly #milliseconds: number;
  readonly #now: () => number;
  /** The bytes before the records. */
  #head = new Uint8Array(0);
  #headSize = Infinity;
  /** Position of the next write. */
  #at = 0;
  #end = 0;
  readonly #others: Uint8Array[] = [];
  #samples: Batch[] = [];

  /**
   * @param milliseconds Time for which samples are kept.
   * @param now Returns the time in milliseconds.
   */
  constructor(milliseconds: number, now: () => number) {
    this.#milliseconds = milliseconds;
    this.#now = now;
  }

  /** Writes a part of the header, or whole records at the end. */
  writeSync(bytes: Uint8Array): number {
    const isAtEnd = this.#at === this.#end;
    this.#at += bytes.length;
    // The header's writes update the size of the records, which snapshot() computes.
    if (!isAtEnd) return bytes.length;
    this.#end = this.#at;
    if (this.#head.length < this.#headSize) this.#addToHead(bytes);
    else this.#addRecords(bytes.slice());
    return bytes.length;
  }

  /** Sets the position of the next write. */
  seekSync(offset: number): number {
    return this.#at = offset;
  }

  /** Indicates whether there are samples. */
  get hasSamples(): boolean {
    this.#forget();
    return this.#samples.length > 0;
  }

  /** Returns the bytes of the recording. */
  snapshot(): Uint8Array<ArrayBuffer> {
    this.#forget();
    const samples = this.#samples.flatMap(({ records }) => records);
    const records = joined([...this.#others, ...samples]);
    const bytes = joined([this.#head, records]);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(DATA_SIZE, BigInt(records.length), true);
    return bytes;
  }

  #addToHead(bytes: Uint8Array): void {
    this.#head = joined([this.#head, bytes]);
    if (this.#head.length < PerfHeader.size) return;
    const view = new DataView(this.#head.buffer);
    this.#headSize = Number(view.getBigUint64(DATA_OFFSET, true));
  }

  #addRecords(bytes: Uint8Array<ArrayBuffer>): void {
    const view = new DataView(bytes.buffer);
    const samples: Uint8Array[] = [];
    for (let at = 0; at < bytes.length;) {
      const size = view.getUint16(at + SIZE, true);
      if (size < EventHeader.size) break;
      const record = bytes.subarray(at, at + size);
      const type = view.getUint32(at + TYPE, true);
      if (type === PerfRecordType.Sample) samples.push(record);
      // A copy does not keep the samples around it in memory.
      else if (type !== PerfRecordType.FinishedRound) {
        this.#others.push(record.slice());
      }
      at += size;
    }
    if (samples.length === 0) return;
    this.#forget();
    this.#samples.push({ time: this.#now(), records: samples });
  }

  /** Discards samples that are too old. */
  #forget(): void {
    const oldest = this.#now() - this.#milliseconds;
    const first = this.#samples.findIndex(({ time }) => time > oldest);
    this.#samples = first === -1 ? [] : this.#samples.slice(first);
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const size = parts.reduce((sum, { length }) => sum + length, 0);
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
