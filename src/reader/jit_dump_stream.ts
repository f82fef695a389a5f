/**
 * Reading a dump as it comes: from a file, in bounded memory, or from a stream.
 *
 * @module
 */

import type { DumpRecord } from "./dump_record.ts";
import { RecordFeed } from "./record_feed.ts";
import type { DumpHeader, Tail } from "./record_scanner.ts";

/** How to read a dump. */
export interface JitDumpStreamOptions {
  /**
   * Where it is given, the end of a file is not the end: records that are still to be
   * written come too, until it is aborted.
   */
  follow?: AbortSignal;
}

/**
 * A dump that is read as it comes. Go through its records once.
 *
 * @example Whatever a running program says of its functions, until it is enough
 * ```ts
 * import { CodeLoad, JitDumpStream } from "@jitdump/jitdump/reader";
 *
 * async function watch(path: string, enough: AbortSignal) {
 *   await using dump = await JitDumpStream.open(path, { follow: enough });
 *   for await (const record of dump) {
 *     if (record instanceof CodeLoad) console.log(record.functionName);
 *   }
 * }
 * ```
 */
export class JitDumpStream implements AsyncIterable<DumpRecord> {
  readonly #feed: RecordFeed;
  #tail: Tail | undefined;

  private constructor(feed: RecordFeed) {
    this.#feed = feed;
  }

  /**
   * Opens a dump and reads its header.
   *
   * @param from The path or `file:` URL of a file, for which `--allow-read` is needed,
   * or a stream.
   * @param options See {@linkcode JitDumpStreamOptions}. A stream is not followed: it
   * ends when it says so.
   * @throws {JitDumpFormatError} If it does not begin with the header of a dump.
   * @throws Whatever opening the file throws.
   */
  static async open(
    from: string | URL | ReadableStream<Uint8Array>,
    options: JitDumpStreamOptions = {},
  ): Promise<JitDumpStream> {
    return new JitDumpStream(await RecordFeed.open(from, options.follow));
  }

  /** The file's header. */
  get header(): DumpHeader {
    return this.#feed.header;
  }

  /**
   * Why the dump ends where no record does; undefined where it ends behind one, and
   * until the last record has been read.
   */
  get tail(): Tail | undefined {
    return this.#tail;
  }

  /**
   * Goes through the records. When that ends, in whatever way, the file is closed.
   *
   * @throws {JitDumpFormatError} At a record that is malformed.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<DumpRecord, void> {
    const feed = this.#feed;
    try {
      for (;;) {
        const record = feed.nextAtHand() ?? await feed.next();
        if (!record) break;
        yield record;
      }
      this.#tail = feed.tail;
    } finally {
      await this.close();
    }
  }

  /** Closes the file. Doing it twice is fine. */
  async close(): Promise<void> {
    await this.#feed.close();
  }

  /** The same as {@linkcode JitDumpStream.close}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
