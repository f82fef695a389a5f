/**
 * Decompression of zstd data that comes in pieces.
 *
 * @module
 */

import { createZstdDecompress } from "node:zlib";

/** Decompresses a zstd frame whose pieces come one after the other. */
export class ZstdStream {
  readonly #stream = createZstdDecompress();
  #error: Error | undefined;
  #wake = () => {};

  /** Starts a frame. */
  constructor() {
    this.#stream.on("readable", () => this.#wake());
    this.#stream.on("error", (error: Error) => {
      this.#error = error;
      this.#wake();
    });
  }

  /**
   * Decompresses the next piece. What it becomes comes in chunks of a bounded size, each
   * made when it is asked for.
   *
   * @throws {Error} If it is no zstd data.
   */
  async *decompress(data: Uint8Array): AsyncGenerator<Uint8Array, void> {
    let isWritten = false;
    this.#stream.write(data, () => {
      isWritten = true;
      this.#wake();
    });
    for (;;) {
      if (this.#error) throw this.#error;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const chunk: Uint8Array | null = this.#stream.read();
      if (chunk) yield chunk;
      else if (isWritten) return;
      else await promise;
    }
  }

  /** Frees the decompressor. */
  close(): void {
    this.#stream.destroy();
  }
}
