/**
 * The reader of recordings.
 *
 * @module
 */

import type { EventTable } from "./events.ts";
import type { Features } from "./features.ts";
import { type PerfDataHeader, readFileHeader } from "./file_header.ts";
import type { PerfDataFormatError } from "./format_error.ts";
import type { PerfRecord } from "./record.ts";
import { RecordDecoder } from "./record_decoder.ts";
import { RecordFeed } from "./record_feed.ts";
import { FinishedRound } from "./records.ts";
import { type ByteSource, openSource } from "./source.ts";
import { TimeOrder } from "./time_order.ts";

/** Name of the file with header and events in a recording that is a directory. */
const MAIN_FILE = "data";

/** Names of the files that `perf record --threads` writes, one for each ring buffer. */
const RING_FILE = /^data\.(\d+)$/;

/** A partial record at the end of a file. */
export interface PerfDataTail {
  /** Byte offset of the record in the file. */
  readonly offset: number;
  /** The file's name in a recording that is a directory. */
  readonly file?: string;
}

/**
 * A recording of `perf record`: a file, a pipe or a directory. Its records are yielded in
 * order of time, as far as perf's rounds determine it. Records without a time are yielded as
 * soon as they are read.
 *
 * @example Samples of each process
 * ```ts
 * import { PerfDataReader } from "./perf_data_reader.ts";
 * import { Sample } from "./sample.ts";
 *
 * async function countSamples(path: string): Promise<Map<number, number>> {
 *   const counts = new Map<number, number>();
 *   await using recording = await PerfDataReader.open(path);
 *   for await (const records of recording.batches()) {
 *     for (const record of records) {
 *       if (!(record instanceof Sample)) continue;
 *       counts.set(record.pid, (counts.get(record.pid) ?? 0) + 1);
 *     }
 *   }
 *   return counts;
 * }
 * ```
 */
export class PerfDataReader implements AsyncIterable<PerfRecord> {
  readonly #header: PerfDataHeader;
  readonly #decoder: RecordDecoder;
  readonly #files: NamedFeed[];
  readonly #order = new TimeOrder();
  /** The earliest time so far, relative to the first timestamp in the file. */
  #earliest: number | undefined;
  readonly #tails: PerfDataTail[] = [];

  private constructor(
    header: PerfDataHeader,
    decoder: RecordDecoder,
    files: NamedFeed[],
  ) {
    this.#header = header;
    this.#decoder = decoder;
    this.#files = files;
  }

  /**
   * Opens a recording and reads its header.
   *
   * @param from The path or `file:` URL of a file, pipe or directory, for which
   * `--allow-read` is needed; a stream; or the bytes of a file, which must not change.
   * @throws {PerfDataFormatError} If it is not a recording, or its events are malformed.
   * @throws Whatever opening the file throws.
   */
  static async open(
    from: string | URL | ReadableStream<Uint8Array> | Uint8Array,
  ): Promise<PerfDataReader> {
    const isPath = typeof from === "string" || from instanceof URL;
    const isDirectory = isPath && (await Deno.stat(from)).isDirectory;
    const names = isDirectory ? await ringFiles(from) : [];
    const pathOf = (name: string) =>
      from instanceof URL
        ? new URL(name, from.href.replace(/\/*$/, "/"))
        : `${from}/${name}`;
    const opened: ByteSource[] = [];
    const open = async (path: typeof from) => {
      const source = await openSource(path);
      opened.push(source);
      return source;
    };
    try {
      const source = await open(isDirectory ? pathOf(MAIN_FILE) : from);
      const decoder = new RecordDecoder();
      const { header, dataStart, dataEnd, initial } = await readFileHeader(
        source,
        decoder,
      );
      const { littleEndian } = header;
      const main = isDirectory ? MAIN_FILE : undefined;
      const range = { littleEndian, start: dataStart, end: dataEnd, initial };
      const feed = new RecordFeed(source, decoder, { ...range, file: main });
      const files = [{ file: main, feed }];
      for (const file of names) {
        const range = { littleEndian, start: 0, end: Infinity, file };
        const source = await open(pathOf(file));
        files.push({ file, feed: new RecordFeed(source, decoder, range) });
      }
      return new PerfDataReader(header, decoder, files);
    } catch (error) {
      for (const source of opened) await source.close();
      throw error;
    }
  }

  /** The form of the recording. */
  get header(): PerfDataHeader {
    return this.#header;
  }

  /** The recording's events. Those of a pipe are known before their first samples. */
  get events(): EventTable {
    return this.#decoder.events;
  }

  /** Facts about the machine and the command. Those of a pipe are added while it is read. */
  get features(): Features {
    return this.#decoder.features;
  }

  /** Errors of feature sections that are malformed. The recording is read without them. */
  get malformedFeatures(): readonly PerfDataFormatError[] {
    return this.#decoder.malformedFeatures;
  }

  /**
   * The time from which `PerfRecord.time` counts: the earliest timestamp. The first one in the
   * file can be later, because perf (6.1) empties one ring buffer after the other. Undefined
   * until a record with a time has been returned.
   */
  get startTime(): bigint | undefined {
    if (this.#earliest === undefined) return undefined;
    return this.#decoder.startTime + BigInt(this.#earliest);
  }

  /** Number of records that arrived too late to be ordered. */
  get misplaced(): number {
    return this.#order.misplaced;
  }

  /** Partial records at the ends of files; known after the last record has been read. */
  get tails(): readonly PerfDataTail[] {
    return this.#tails;
  }

  /**
   * Iterates over the records in batches, which is faster than one by one. A recording can
   * be iterated over once; its files are closed afterwards.
   *
   * @throws {PerfDataFormatError} If a record is malformed, after yielding those before it.
   */
  async *batches(): AsyncGenerator<PerfRecord[], void> {
    const order = this.#order;
    let out: PerfRecord[] = [];
    const [main, ...rings] = this.#files;
    const batches = rings.length === 0
      ? readRounds(main.feed, order)
      : mergeRings(this.#files, order);
    try {
      for await (out of batches) if (out.length > 0) yield this.#rebase(out);
      order.releaseAll(out = []);
      if (out.length > 0) yield this.#rebase(out);
      for (const { file, feed } of this.#files) {
        const { tail } = feed;
        if (tail !== undefined) this.#tails.push({ offset: tail, file });
      }
    } catch (error) {
      order.releaseAll(out = []);
      if (out.length > 0) yield this.#rebase(out);
      throw error;
    } finally {
      await this.close();
    }
  }

  /** Iterates over the records; see {@linkcode batches}. */
  async *[Symbol.asyncIterator](): AsyncGenerator<PerfRecord, void> {
    for await (const batch of this.batches()) yield* batch;
  }

  /** Subtracts the earliest time from the times of ordered records. */
  #rebase(records: PerfRecord[]): PerfRecord[] {
    for (const record of records) {
      if (record.time === -Infinity) continue;
      this.#earliest ??= record.time;
      record.time -= this.#earliest;
    }
    return records;
  }

  /** Closes the files. Further calls have no effect. */
  async close(): Promise<void> {
    for (const { feed } of this.#files) await feed.close();
  }

  /** Closes the files, as {@linkcode PerfDataReader.close} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

interface NamedFeed {
  readonly file: string | undefined;
  readonly feed: RecordFeed;
}

/** Returns the names of a directory's ring buffer files, in the order of their numbers. */
async function ringFiles(directory: string | URL): Promise<string[]> {
  const numbers: number[] = [];
  for await (const { name } of Deno.readDir(directory)) {
    const number = RING_FILE.exec(name)?.[1];
    if (number !== undefined) numbers.push(Number(number));
  }
  return numbers.sort((a, b) => a - b).map((number) => `data.${number}`);
}

/** Reads a file whose records are ordered by rounds. */
async function* readRounds(
  feed: RecordFeed,
  order: TimeOrder,
): AsyncGenerator<PerfRecord[], void> {
  for await (const records of feed.read()) {
    const out: PerfRecord[] = [];
    for (const record of records) {
      if (record instanceof FinishedRound) order.endRound(out);
      order.add(record, out);
    }
    yield out;
  }
}

/**
 * Reads files of one ring buffer each. They are in order except for records that the kernel
 * interrupted to write others. All records earlier than the end of each file's
 * second-last batch have therefore been read.
 */
async function* mergeRings(
  files: readonly NamedFeed[],
  order: TimeOrder,
): AsyncGenerator<PerfRecord[], void> {
  let rings = files.map(({ feed }) => ({
    batches: feed.read(),
    latest: -Infinity,
    complete: -Infinity,
  }));
  while (rings.length > 0) {
    const ring = rings.reduce((a, b) => b.latest < a.latest ? b : a);
    const { value: records } = await ring.batches.next();
    const out: PerfRecord[] = [];
    if (!records) {
      rings = rings.filter((other) => other !== ring);
    } else {
      ring.complete = ring.latest;
      for (const record of records) {
        order.add(record, out);
        if (record.time > ring.latest) ring.latest = record.time;
      }
    }
    const complete = rings.map(({ complete }) => complete);
    order.releaseUntil(Math.min(...complete), out);
    yield out;
  }
}
