/**
 * Decompression of zstd data in pieces.
 *
 * @module
 */

import { createZstdDecompress } from "node:zlib";

/** Decompresses a zstd frame piece by piece. */
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
   * Decompresses the next piece. Yields chunks of a bounded size. Each is decompressed on
   * request.
   *
   * @throws {Error} If it is not valid zstd data.
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
