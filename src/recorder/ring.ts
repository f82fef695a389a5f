/**
 * The ring buffer to which the kernel writes the records of one CPU.
 *
 * @module
 */

import type { Libc } from "../../ffi/libc.ts";
import { addressOfBuffer, copyMemory } from "../../ffi/memory.ts";
import { unmapRing } from "../../ffi/perf_event.ts";

/** Offsets in the first page: `data_head` and `data_tail` (linux/perf_event.h). */
const HEAD = 1024n;
const TAIL = 1032n;

const fence = new Int32Array(new SharedArrayBuffer(4));

/**
 * Orders the memory accesses before it and after it: on AArch64, a store-release and then a
 * load-acquire.
 */
function orderMemory(): void {
  Atomics.store(fence, 0, 0);
  Atomics.load(fence, 0);
}

/** A buffer to which ring buffers are copied. */
export class RingCopy {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly address: bigint;

  /** @param size Size of a ring buffer's data. */
  constructor(libc: Libc, size: number) {
    this.bytes = new Uint8Array(new ArrayBuffer(size));
    this.address = addressOfBuffer(libc, this.bytes);
  }
}

/** A ring buffer. The kernel appends whole records at the head, the reader frees the tail. */
export class Ring {
  readonly #libc: Libc;
  readonly #address: bigint;
  readonly #pageSize: number;
  readonly #size: number;
  readonly #position = new BigUint64Array(1);
  readonly #positionAddress: bigint;
  #tail = 0n;

  /**
   * @param address The result of `mapRing()`.
   * @param size Number of bytes after the first page, a power of two.
   */
  constructor(libc: Libc, address: bigint, pageSize: number, size: number) {
    this.#libc = libc;
    this.#address = address;
    this.#pageSize = pageSize;
    this.#size = size;
    const position = new Uint8Array(this.#position.buffer);
    this.#positionAddress = addressOfBuffer(libc, position);
  }

  /** Moves all records to the start of a buffer; returns their size. */
  drain(into: RingCopy): number {
    const libc = this.#libc;
    const positionAt = this.#positionAddress;
    copyMemory(libc, positionAt, this.#address + HEAD, 8n);
    orderMemory();
    const head = this.#position[0];
    const size = Number(head - this.#tail);
    if (size === 0) return 0;
    const start = Number(this.#tail & BigInt(this.#size - 1));
    const first = Math.min(size, this.#size - start);
    const data = this.#address + BigInt(this.#pageSize);
    copyMemory(libc, into.address, data + BigInt(start), BigInt(first));
    if (first < size) {
      const rest = BigInt(size - first);
      copyMemory(libc, into.address + BigInt(first), data, rest);
    }
    orderMemory();
    this.#tail = head;
    copyMemory(libc, this.#address + TAIL, positionAt, 8n);
    return size;
  }

  /** Unmaps the ring buffer. */
  close(): void {
    unmapRing(this.#libc, this.#address, this.#pageSize + this.#size);
  }
}
