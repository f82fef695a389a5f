/**
 * The bytes of a dump from a file or a stream.
 *
 * @module
 */

import type { RecordScanner } from "./record_scanner.ts";

/** Number of bytes to read at once. */
const CHUNK_SIZE = 1024 * 1024;

/** Interval at which a followed file is read again. */
const PAUSE_MS = 50;

/** A source of bytes. */
export interface RecordSource {
  /** Adds some bytes to the scanner; returns false if there are none. */
  read(scanner: RecordScanner): Promise<boolean>;
  /**
   * Waits for more bytes and seeks to the scanner's position. Returns false if there will
   * be no more.
   */
  wait(scanner: RecordScanner): Promise<boolean>;
  /** Closes the file or cancels the stream. */
  close(): Promise<void>;
}

/** Opens a file or uses a stream. */
export async function openSource(
  from: string | URL | ReadableStream<Uint8Array>,
  follow: AbortSignal | undefined,
): Promise<RecordSource> {
  return from instanceof ReadableStream
    ? new StreamSource(from)
    : new FileSource(await Deno.open(from), follow);
}

class FileSource implements RecordSource {
  readonly #file: Deno.FsFile;
  readonly #follow: AbortSignal | undefined;
  #closed = false;

  constructor(file: Deno.FsFile, follow: AbortSignal | undefined) {
    this.#file = file;
    this.#follow = follow;
  }

  async read(scanner: RecordScanner): Promise<boolean> {
    if (this.#closed) return false;
    // A record that extends beyond the file's end is not read into memory.
    const missing = scanner.nextEnd - scanner.received;
    if (missing > CHUNK_SIZE && !this.#follow) {
      if (scanner.nextEnd > await this.#size()) return false;
    }
    const size = await this.#file.read(scanner.space(CHUNK_SIZE));
    scanner.added(size ?? 0);
    return size !== null;
  }

  /** Returns the file's size; infinity for a pipe. */
  async #size(): Promise<number> {
    const { isFile, size } = await this.#file.stat();
    return isFile ? size : Infinity;
  }

  async wait(scanner: RecordScanner): Promise<boolean> {
    const signal = this.#follow;
    if (!signal || this.#closed) return false;
    if (!signal.aborted) await pause(signal);
    if (signal.aborted) return false;
    // A partial record may have been rolled back, or zeros filled.
    scanner.discardRest();
    await this.#file.seek(scanner.position, Deno.SeekMode.Start);
    return true;
  }

  // deno-lint-ignore require-await -- RecordSource requires a promise
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#file.close();
  }
}

class StreamSource implements RecordSource {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  async read(scanner: RecordScanner): Promise<boolean> {
    const { done, value } = await this.#reader.read();
    if (done) return false;
    scanner.space(value.length).set(value);
    scanner.added(value.length);
    return true;
  }

  // deno-lint-ignore require-await -- RecordSource requires a promise
  async wait(): Promise<boolean> {
    return false;
  }

  async close(): Promise<void> {
    await this.#reader.cancel();
  }
}

/** Waits for {@linkcode PAUSE_MS}, or until the signal is aborted. */
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
