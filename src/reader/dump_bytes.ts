/**
 * The bytes of a file, read on demand.
 *
 * @module
 */

import type { Window } from "./dump_record.ts";

/** Minimum number of bytes to read at once. */
const CHUNK_SIZE = 1024 * 1024;

/** Minimum number of bytes to read at once for {@linkcode DumpBytes.loadAside}. */
const ASIDE_SIZE = 16 * 1024;

/**
 * A file or a pipe, partly in memory:
 *
 *     file     ├──────────────────────────────────────────────────────┤
 *     window           ├──────────────────────────┤
 *                      offset                     offset + bytes.length
 *
 * The bytes of a window never change; another part gets a new window. A pipe cannot seek,
 * so its window keeps all bytes from {@linkcode DumpBytes.keepFrom} on.
 *
 * Reads are synchronous: a promise for each would cost more than the read.
 */
export class DumpBytes implements Disposable {
  /** Byte order of the windows; known when the file's header has been read. */
  littleEndian = true;
  readonly #file: Deno.FsFile;
  readonly #isSeekable: boolean;
  #size: number;
  #window: Window;
  #aside: Window;
  #kept = 0;

  /** Opens a file by its path. */
  constructor(path: string) {
    this.#file = Deno.openSync(path);
    const { isFile, size } = this.#file.statSync();
    this.#isSeekable = isFile;
    this.#size = isFile ? size : Infinity;
    this.#window = this.#aside = this.#windowOf(new Uint8Array(0), 0);
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }

  /** Returns `end`, or the end of the file if that is before it. */
  endWithin(end: number): number {
    if (end > this.#size) return this.#size;
    if (!this.#isSeekable && end > endOf(this.#window)) this.#grow(end);
    return Math.min(end, this.#size);
  }

  /** Permits discarding a pipe's bytes before a position. */
  keepFrom(position: number): void {
    this.#kept = position;
  }

  /** Returns a window that contains a range, which must be in the file. */
  load(start: number, end: number): Window {
    if (has(this.#window, start, end)) return this.#window;
    if (this.#isSeekable) {
      const size = Math.max(CHUNK_SIZE, end - start);
      this.#window = this.#read(start, Math.min(size, this.#size - start));
    } else this.#grow(end);
    return this.#window;
  }

  /** Returns a window that contains a range, and keeps the window of {@linkcode load}. */
  loadAside(start: number, end: number): Window {
    if (has(this.#window, start, end)) return this.#window;
    if (!this.#isSeekable) return this.load(start, end);
    if (!has(this.#aside, start, end)) {
      const size = Math.max(ASIDE_SIZE, end - start);
      this.#aside = this.#read(start, Math.min(size, this.#size - start));
    }
    return this.#aside;
  }

  #read(start: number, size: number): Window {
    const bytes = new Uint8Array(size);
    let done = 0;
    const { bytes: old, offset } = this.#window;
    if (offset <= start && start < offset + old.length) {
      const rest = old.subarray(start - offset, start - offset + size);
      bytes.set(rest);
      done = rest.length;
    }
    this.#file.seekSync(start + done, Deno.SeekMode.Start);
    while (done < size) {
      const read = this.#file.readSync(bytes.subarray(done));
      if (read === null) {
        throw new Deno.errors.UnexpectedEof(
          `the file ends at byte ${
            start + done
          }, but had ${this.#size} bytes when it was opened`,
        );
      }
      done += read;
    }
    return this.#windowOf(bytes, start);
  }

  /** Reads a pipe until its window contains the bytes before `end`, or the pipe ends. */
  #grow(end: number): void {
    const { bytes: old, offset } = this.#window;
    const start = Math.max(offset, Math.min(this.#kept, offset + old.length));
    const rest = old.subarray(start - offset);
    let bytes = new Uint8Array(rest.length + CHUNK_SIZE);
    bytes.set(rest);
    let done = rest.length;
    while (start + done < end) {
      if (done === bytes.length) {
        const larger = new Uint8Array(2 * bytes.length);
        larger.set(bytes);
        bytes = larger;
      }
      const read = this.#file.readSync(bytes.subarray(done));
      if (read === null) {
        this.#size = start + done;
        break;
      }
      done += read;
    }
    this.#window = this.#windowOf(bytes.subarray(0, done), start);
  }

  #windowOf(bytes: Uint8Array, offset: number): Window {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return { bytes, view, offset, littleEndian: this.littleEndian };
  }
}

const endOf = ({ bytes, offset }: Window) => offset + bytes.length;

const has = (window: Window, start: number, end: number) =>
  window.offset <= start && end <= endOf(window);
