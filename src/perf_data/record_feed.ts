/**
 * Division of a file's bytes into records, in file order.
 *
 * @module
 */

import { ByteQueue, type Window } from "./bytes.ts";
import { perfRecordName, PerfRecordType } from "./constants.ts";
import type { PerfRecord } from "./record.ts";
import type { RecordDecoder } from "./record_decoder.ts";
import { PayloadRecord } from "./records.ts";
import type { ByteSource } from "./source.ts";
import { Compressed2Body, EventHeader, U64_SIZE } from "./structs.ts";
import { ZstdStream } from "./zstd_stream.ts";

const HEADER = EventHeader.offsets;

/** Maximum number of records in a batch. */
const BATCH_SIZE = 8192;

/** Maximum number of zstd bytes in a COMPRESSED2 record of perf 6.16: 64 KiB − 17. */
const LARGEST_COMPRESSED2 = 0x1_0000 - EventHeader.size - Compressed2Body.size -
  1;

/** The part of a file that contains records. */
export interface RecordRange {
  readonly littleEndian: boolean;
  /** Position of the first record; the source's next byte, or that of `initial`. */
  readonly start: number;
  /** End of the records; Infinity if it is unknown. */
  readonly end: number;
  /** Bytes that have already been read from the source. */
  readonly initial?: Uint8Array;
  /** The file's name in a recording that is a directory. */
  readonly file?: string;
}

/** The records of one file. */
export class RecordFeed {
  readonly #source: ByteSource;
  readonly #decoder: RecordDecoder;
  readonly #range: RecordRange;
  readonly #queue: ByteQueue;
  /** Decompressed bytes. A record may continue in the next compressed record. */
  readonly #inner: ByteQueue;
  #zstd: ZstdStream | undefined;
  /** Position up to which COMPRESSED2 records have wrong sizes; see `#compressed2`. */
  #oversizeEnd = 0;
  #received: number;
  #tail: number | undefined;

  /** Starts at the range's start. */
  constructor(source: ByteSource, decoder: RecordDecoder, range: RecordRange) {
    const { littleEndian, start, file } = range;
    this.#source = source;
    this.#decoder = decoder;
    this.#range = range;
    this.#received = start;
    this.#queue = new ByteQueue(littleEndian, start, file);
    this.#inner = new ByteQueue(littleEndian, start, file, true);
  }

  /** Start of a partial record at the end; undefined if there is none, or before the end. */
  get tail(): number | undefined {
    return this.#tail;
  }

  /**
   * Reads the records in batches.
   *
   * @throws {PerfDataFormatError} If a record is malformed, after yielding those before it.
   */
  async *read(): AsyncGenerator<PerfRecord[], void> {
    let batch: PerfRecord[] = [];
    try {
      while (await this.#fill()) {
        for (;;) {
          const next = this.#take(this.#queue, batch);
          if (batch.length >= BATCH_SIZE) {
            yield batch;
            batch = [];
          }
          if (next === "more") break;
          if (next === "full") continue;
          if (typeof next === "number") {
            await this.#skip(next);
            continue;
          }
          for await (const chunk of this.#decompress(next)) {
            this.#inner.append(chunk, next.window.offsetOf(next.at));
            while (this.#takeInner(batch)) {
              yield batch;
              batch = [];
            }
          }
        }
        if (batch.length > 0) {
          yield batch;
          batch = [];
        }
      }
    } catch (error) {
      if (batch.length > 0) yield batch;
      throw error;
    }
    const { position, left } = this.#queue;
    if (left > 0 || position > this.#received) this.#tail = position;
    else if (this.#inner.left > 0) {
      this.#tail = this.#inner.window.offsetOf(this.#inner.at);
    }
  }

  /** Closes the file. */
  async close(): Promise<void> {
    this.#zstd?.close();
    await this.#source.close();
  }

  /** Adds bytes to the queue; returns false at the end. */
  async #fill(): Promise<boolean> {
    const { initial, start, end } = this.#range;
    const isFirst = this.#received === start && this.#queue.left === 0;
    let bytes = isFirst && initial?.length ? initial : undefined;
    if (this.#queue.position > this.#received) return false;
    bytes ??= await this.#source.read();
    if (!bytes || this.#received >= end) return false;
    bytes = bytes.subarray(0, Math.min(bytes.length, end - this.#received));
    this.#received += bytes.length;
    this.#queue.append(bytes);
    return true;
  }

  /** Skips bytes that are not records. */
  async #skip(size: number): Promise<void> {
    const queue = this.#queue;
    if (size <= queue.left) {
      queue.at += size;
      return;
    }
    const beyond = size - queue.left;
    const position = queue.position + size;
    queue.seek(position);
    const { end } = this.#range;
    const available = (this.#source.size ?? Infinity) - this.#received;
    if (beyond > Math.min(available, end - this.#received)) return;
    await this.#source.skip(beyond);
    this.#received += beyond;
  }

  /**
   * Reads complete records from a queue until the next one is incomplete.
   *
   * @returns `"full"` after a full batch, `"more"` if the next record is incomplete,
   * the number of bytes to skip, or compressed data.
   */
  #take(
    queue: ByteQueue,
    batch: PerfRecord[],
  ): "full" | "more" | number | Compressed {
    while (queue.left >= EventHeader.size) {
      if (batch.length >= BATCH_SIZE) return "full";
      const { window, at } = queue;
      const type = window.u32(at + HEADER.type);
      const size = window.u16(at + HEADER.size);
      if (type === PerfRecordType.Compressed2) {
        return this.#compressed2(queue, size);
      }
      if (size < EventHeader.size) {
        window.refuse(
          `is ${size}, but a record has at least ${EventHeader.size} bytes`,
          perfRecordName(type),
          "header.size",
          at + HEADER.size,
        );
      }
      if (size > queue.left) return "more";
      queue.at += size;
      if (type === PerfRecordType.Compressed) {
        return { window, at, start: at + EventHeader.size, end: at + size };
      }
      const record = this.#decoder.decode(window, at, size, type);
      batch.push(record);
      if (record instanceof PayloadRecord) return record.payloadSize;
    }
    return "more";
  }

  /** Reads records from decompressed data; returns true if the batch is full. */
  #takeInner(batch: PerfRecord[]): boolean {
    const next = this.#take(this.#inner, batch);
    if (next === "full" || next === "more") return next === "full";
    const window: Window = this.#inner.window;
    window.refuse(
      "is of a type that does not occur in compressed data",
      perfRecordName(
        typeof next === "number"
          ? PerfRecordType.Auxtrace
          : PerfRecordType.Compressed,
      ),
      "header.type",
      this.#inner.at,
    );
  }

  /**
   * Reads a COMPRESSED2 record.
   *
   * perf 6.16 writes malformed ones if compression yields 65 513 bytes or more at once: the
   * size is too large for its field and loses its upper bits, there is no padding, and if
   * the data does not fit in one record, those after the first have a correct size and a
   * meaningless `data_size`.
   */
  #compressed2(queue: ByteQueue, size: number): "more" | Compressed {
    const { window, at, position } = queue;
    const fixed = EventHeader.size + Compressed2Body.size;
    if (queue.left < fixed) return "more";
    const field = at + EventHeader.size + Compressed2Body.offsets.dataSize;
    let dataSize = window.number(field);
    let total = size;
    if (position < this.#oversizeEnd) {
      dataSize = Math.max(0, size - fixed);
      total = Math.max(fixed, size);
    } else if (fixed + dataSize > size) {
      const aligned = Math.ceil((fixed + dataSize) / U64_SIZE) * U64_SIZE;
      if (aligned < 0x1_0000 || aligned % 0x1_0000 !== size) {
        window.refuse(
          `is ${dataSize}, but the record has ${size} bytes`,
          perfRecordName(PerfRecordType.Compressed2),
          "data_size",
          field,
        );
      }
      this.#oversizeEnd = position + fixed + dataSize;
      dataSize = Math.min(dataSize, LARGEST_COMPRESSED2);
      total = fixed + dataSize;
    }
    if (total > queue.left) return "more";
    queue.at += total;
    return { window, at, start: at + fixed, end: at + fixed + dataSize };
  }

  async *#decompress(
    { window, at, start, end }: Compressed,
  ): AsyncGenerator<Uint8Array, void> {
    this.#zstd ??= new ZstdStream();
    try {
      yield* this.#zstd.decompress(window.bytes.subarray(start, end));
    } catch (error) {
      window.refuse(
        `is not valid zstd data: ${(error as Error).message}`,
        perfRecordName(window.u32(at + HEADER.type)),
        "data",
        start,
      );
    }
  }
}

/** A compressed record. */
interface Compressed {
  readonly window: Window;
  readonly at: number;
  /** Start and end of its data in the window. */
  readonly start: number;
  readonly end: number;
}
