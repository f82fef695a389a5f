/**
 * Reading a dump in bounded memory, from a file or a stream.
 *
 * @module
 */

import type { DumpRecord } from "./dump_record.ts";
import {
  type DumpHeader,
  RecordScanner,
  refuseShort,
  type Tail,
} from "./record_scanner.ts";
import { openSource, type RecordSource } from "./record_source.ts";

/** Options for reading a dump. */
export interface JitDumpStreamOptions {
  /**
   * Follows a growing file until this signal is aborted: records that are written meanwhile
   * are read too.
   */
  follow?: AbortSignal;
}

/**
 * A dump that is read incrementally. Its records can be iterated over once.
 *
 * @example Reading the functions of a running program
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { JitDumpFile } from "@jitdump/jitdump";
 * import { CodeLoad, JitDumpStream } from "@jitdump/jitdump/reader";
 *
 * using written = JitDumpFile.forProcess(Deno.makeTempDirSync());
 * const dumpSoon = (name: string) =>
 *   setTimeout(() => written.dumpFunction({ name, code: Uint8Array.of(0xc3) }));
 * dumpSoon("first");
 *
 * const enough = new AbortController();
 * const follow = enough.signal;
 * await using dump = await JitDumpStream.open(written.path, { follow });
 * const names: string[] = [];
 * for await (const record of dump) {
 *   if (!(record instanceof CodeLoad)) continue;
 *   names.push(record.functionName);
 *   if (names.length === 1) dumpSoon("second");
 *   else enough.abort();
 * }
 * assertEquals(names, ["first", "second"]);
 * ```
 */
export class JitDumpStream implements AsyncIterable<DumpRecord> {
  /** The file's header. */
  readonly header: DumpHeader;
  readonly #scanner: RecordScanner;
  readonly #source: RecordSource;
  /** The read that is in progress. */
  #reading: Promise<boolean> | undefined;
  #hasEnded = false;
  #tail: Tail | undefined;

  private constructor(
    header: DumpHeader,
    scanner: RecordScanner,
    source: RecordSource,
  ) {
    this.header = header;
    this.#scanner = scanner;
    this.#source = source;
  }

  /**
   * Opens a dump and reads its header.
   *
   * @param from The path or `file:` URL of a file, for which `--allow-read` is needed,
   * or a stream.
   * @param options See {@linkcode JitDumpStreamOptions}. `follow` has no effect on a
   * stream.
   * @throws {JitDumpFormatError} If it does not begin with the header of a dump.
   * @throws Whatever opening the file throws.
   */
  static async open(
    from: string | URL | ReadableStream<Uint8Array>,
    options: JitDumpStreamOptions = {},
  ): Promise<JitDumpStream> {
    const scanner = new RecordScanner();
    const source = await openSource(from, options.follow);
    try {
      for (;;) {
        const { header } = scanner;
        if (header) return new JitDumpStream(header, scanner, source);
        const isMore = await source.read(scanner) || await source.wait(scanner);
        if (!isMore) refuseShort(scanner.received);
      }
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  /**
   * The reason why the dump does not end after a whole record. Undefined if it does, and
   * until the last record has been read.
   */
  get tail(): Tail | undefined {
    return this.#tail;
  }

  /**
   * Iterates over the records. The file is closed when the iteration ends, also by an error.
   *
   * @throws {JitDumpFormatError} If a record is malformed.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<DumpRecord, void> {
    // An async generator takes three times as long for each record (V8 15).
    const iterator: AsyncIterableIterator<DumpRecord, void> = {
      next: () => this.#next(),
      return: () => this.#end(),
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  async #next(): Promise<IteratorResult<DumpRecord, void>> {
    try {
      // Calls that do not wait for each other share the scanner.
      while (this.#reading) await this.#reading;
      while (!this.#hasEnded) {
        const value = this.#scanner.next();
        if (value) return { value, done: false };
        this.#reading = this.#readMore().finally(() =>
          this.#reading = undefined
        );
        if (await this.#reading) continue;
        this.#tail = this.#scanner.tail;
        break;
      }
    } catch (error) {
      await this.#end();
      throw error;
    }
    return await this.#end();
  }

  async #end(): Promise<IteratorReturnResult<void>> {
    this.#hasEnded = true;
    await this.close();
    return { value: undefined, done: true };
  }

  /** Closes the file. Further calls have no effect. */
  async close(): Promise<void> {
    await this.#source.close();
  }

  /** Closes the file, as {@linkcode JitDumpStream.close} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Reads bytes, or waits for them; returns false at the end. */
  async #readMore(): Promise<boolean> {
    const [scanner, source] = [this.#scanner, this.#source];
    return !scanner.isAtZeros && await source.read(scanner) ||
      await source.wait(scanner);
  }
}
