/**
 * Records as they come, from a file or a stream.
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

/** How much is read at once. */
const CHUNK_SIZE = 1024 * 1024;

/** How long to wait for more, where a file is followed. */
const PAUSE_MS = 50;

/** Where bytes come from. */
interface Source {
  /** Adds some bytes; false where there are none. */
  read(scanner: RecordScanner): Promise<boolean>;
  /** Waits for more, and goes back to the scanner's position; false where there is no more. */
  wait(scanner: RecordScanner): Promise<boolean>;
  close(): Promise<void>;
}

/** An open dump that gives one record after the other. */
export class RecordFeed {
  readonly header: DumpHeader;
  readonly #scanner: RecordScanner;
  readonly #source: Source;

  private constructor(
    header: DumpHeader,
    scanner: RecordScanner,
    source: Source,
  ) {
    this.header = header;
    this.#scanner = scanner;
    this.#source = source;
  }

  /** Opens a dump and reads its header; see {@linkcode JitDumpStream.open}. */
  static async open(
    from: string | URL | ReadableStream<Uint8Array>,
    follow?: AbortSignal,
  ): Promise<RecordFeed> {
    const scanner = new RecordScanner();
    const source = from instanceof ReadableStream
      ? new StreamSource(from)
      : new FileSource(await Deno.open(from), follow);
    try {
      for (;;) {
        const { header } = scanner;
        if (header) return new RecordFeed(header, scanner, source);
        const isMore = await source.read(scanner) || await source.wait(scanner);
        if (!isMore) refuseShort(scanner.received);
      }
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  /** Starts at a position of a file whose header has been read. */
  static async resume(
    path: string,
    header: DumpHeader,
    position: number,
  ): Promise<RecordFeed> {
    const file = await Deno.open(path);
    await file.seek(position, Deno.SeekMode.Start);
    const source = new FileSource(file, undefined);
    return new RecordFeed(header, RecordScanner.at(header, position), source);
  }

  /**
   * The next record; undefined at the end.
   *
   * @throws {JitDumpFormatError} If it is malformed; where its own size is right, the
   * next call goes on behind it.
   */
  async next(): Promise<DumpRecord | undefined> {
    for (;;) {
      const record = this.nextAtHand();
      if (record || !await this.#more()) return record;
    }
  }

  /** The next record, if it has been read already: most have, and need no promise. */
  nextAtHand(): DumpRecord | undefined {
    return this.#scanner.next();
  }

  /** Where in the file the next record starts. */
  get position(): number {
    return this.#scanner.position;
  }

  /** Why the dump ends where no record does, once it has ended. */
  get tail(): Tail | undefined {
    return this.#scanner.tail;
  }

  async close(): Promise<void> {
    await this.#source.close();
  }

  async #more(): Promise<boolean> {
    const [scanner, source] = [this.#scanner, this.#source];
    return !scanner.isAtZeros && await source.read(scanner) ||
      await source.wait(scanner);
  }
}

class FileSource implements Source {
  readonly #file: Deno.FsFile;
  readonly #follow: AbortSignal | undefined;
  #closed = false;

  constructor(file: Deno.FsFile, follow: AbortSignal | undefined) {
    this.#file = file;
    this.#follow = follow;
  }

  async read(scanner: RecordScanner): Promise<boolean> {
    if (this.#closed) return false;
    // What is not in the file need not be waited for with all of it in memory.
    const missing = scanner.nextEnd - scanner.received;
    if (missing > CHUNK_SIZE && !this.#follow) {
      if (scanner.nextEnd > await this.#size()) return false;
    }
    const size = await this.#file.read(scanner.room(CHUNK_SIZE));
    scanner.added(size ?? 0);
    return size !== null;
  }

  /** The file's size; a pipe has none. */
  async #size(): Promise<number> {
    const { isFile, size } = await this.#file.stat();
    return isFile ? size : Infinity;
  }

  async wait(scanner: RecordScanner): Promise<boolean> {
    const signal = this.#follow;
    if (!signal || this.#closed) return false;
    if (!signal.aborted) await pause(signal);
    if (signal.aborted) return false;
    // A record that was not whole may have been taken back, or zeros filled.
    scanner.forgetRest();
    await this.#file.seek(scanner.position, Deno.SeekMode.Start);
    return true;
  }

  // deno-lint-ignore require-await -- as Source has it
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#file.close();
  }
}

class StreamSource implements Source {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  async read(scanner: RecordScanner): Promise<boolean> {
    const { done, value } = await this.#reader.read();
    if (done) return false;
    scanner.room(value.length).set(value);
    scanner.added(value.length);
    return true;
  }

  // deno-lint-ignore require-await -- as Source has it
  async wait(): Promise<boolean> {
    return false;
  }

  async close(): Promise<void> {
    await this.#reader.cancel();
  }
}

/** Waits a little, and no longer than until the signal. */
function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, PAUSE_MS);
    signal.addEventListener("abort", end);
  });
}
