/**
 * Sources of a recording's bytes: a file, a stream, or memory.
 *
 * @module
 */

/** Number of bytes to read at once. */
const CHUNK_SIZE = 1024 * 1024;

/** Bytes that are read in order. */
export interface ByteSource {
  /** The number of bytes; undefined for pipes and streams, which are not seekable. */
  readonly size: number | undefined;
  /** Returns the next bytes, which never change; undefined at the end. */
  read(): Promise<Uint8Array | undefined>;
  /** Skips bytes. */
  skip(size: number): Promise<void>;
  /** Returns up to `size` bytes from `offset` on; only if the size is known. */
  readAt(offset: number, size: number): Promise<Uint8Array>;
  /** Closes the file. */
  close(): Promise<void>;
}

/** Opens a file, pipe, stream or buffer. */
export async function openSource(
  from: string | URL | ReadableStream<Uint8Array> | Uint8Array,
): Promise<ByteSource> {
  if (from instanceof Uint8Array) return new MemorySource(from);
  if (from instanceof ReadableStream) return new StreamSource(from);
  const file = await Deno.open(from);
  try {
    const { isFile, size } = await file.stat();
    return isFile
      ? new FileSource(file, size)
      : new StreamSource(file.readable);
  } catch (error) {
    file.close();
    throw error;
  }
}

class FileSource implements ByteSource {
  readonly #file: Deno.FsFile;
  readonly size: number;
  #position = 0;
  #closed = false;

  constructor(file: Deno.FsFile, size: number) {
    this.#file = file;
    this.size = size;
  }

  async read(): Promise<Uint8Array | undefined> {
    const size = Math.min(CHUNK_SIZE, this.size - this.#position);
    if (size <= 0 || this.#closed) return undefined;
    const bytes = await this.#read(size);
    this.#position += bytes.length;
    return bytes.length === 0 ? undefined : bytes;
  }

  async skip(size: number): Promise<void> {
    this.#position = Math.min(this.#position + size, this.size);
    await this.#file.seek(this.#position, Deno.SeekMode.Start);
  }

  async readAt(offset: number, size: number): Promise<Uint8Array> {
    const length = Math.max(0, Math.min(size, this.size - offset));
    if (length === 0) return new Uint8Array(0);
    await this.#file.seek(offset, Deno.SeekMode.Start);
    const bytes = await this.#read(length);
    await this.#file.seek(this.#position, Deno.SeekMode.Start);
    return bytes;
  }

  async #read(size: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(size);
    let end = 0;
    while (end < size) {
      const count = await this.#file.read(bytes.subarray(end));
      if (count === null) break;
      end += count;
    }
    return bytes.subarray(0, end);
  }

  // deno-lint-ignore require-await -- ByteSource requires a promise
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#file.close();
  }
}

class StreamSource implements ByteSource {
  readonly size = undefined;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #rest: Uint8Array | undefined;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  async read(): Promise<Uint8Array | undefined> {
    const rest = this.#rest;
    if (rest) {
      this.#rest = undefined;
      return rest;
    }
    const { done, value } = await this.#reader.read();
    return done ? undefined : value;
  }

  async skip(size: number): Promise<void> {
    let left = size;
    while (left > 0) {
      const bytes = await this.read();
      if (!bytes) return;
      if (bytes.length > left) this.#rest = bytes.subarray(left);
      left -= bytes.length;
    }
  }

  readAt(): Promise<Uint8Array> {
    throw new Error("a stream is not seekable");
  }

  async close(): Promise<void> {
    await this.#reader.cancel();
  }
}

class MemorySource implements ByteSource {
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get size(): number {
    return this.#bytes.length;
  }

  // deno-lint-ignore require-await -- ByteSource requires a promise
  async read(): Promise<Uint8Array | undefined> {
    const bytes = this.#bytes.subarray(this.#position);
    this.#position += bytes.length;
    return bytes.length === 0 ? undefined : bytes;
  }

  // deno-lint-ignore require-await -- ByteSource requires a promise
  async skip(size: number): Promise<void> {
    this.#position = Math.min(this.#position + size, this.#bytes.length);
  }

  // deno-lint-ignore require-await -- ByteSource requires a promise
  async readAt(offset: number, size: number): Promise<Uint8Array> {
    return this.#bytes.subarray(offset, offset + size);
  }

  async close(): Promise<void> {}
}
