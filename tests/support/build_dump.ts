/**
 * A builder of dumps as other writers may write them. It shares no code with the module.
 *
 * @module
 */

/** Fields of the file header; each defaults to a valid value. */
export interface HeaderFields {
  version?: number;
  totalSize?: number;
  machine?: number;
  pad?: number;
  pid?: number;
  flags?: bigint;
  time?: bigint;
}

/** The fields of a JIT_CODE_LOAD record. */
export interface LoadFields {
  name?: string;
  address?: bigint;
  code?: Uint8Array;
  index?: bigint;
  time?: bigint;
  pid?: number;
  tid?: number;
}

/** An entry of a JIT_CODE_DEBUG_INFO record. */
export type Entry = [address: bigint, line: number, file?: string];

/** Builds a dump. */
export class DumpBuilder {
  readonly #littleEndian: boolean;
  #bytes: number[] = [];

  constructor(littleEndian = true, fields: HeaderFields = {}) {
    this.#littleEndian = littleEndian;
    const { version = 1, totalSize = 40, machine = 62, pad = 0 } = fields;
    const { pid = 7, flags = 0n, time = 1n } = fields;
    this.u32(0x4A695444, version, totalSize, machine, pad, pid);
    this.u64(time, flags);
    this.raw(new Uint8Array(Math.max(0, totalSize - 40)));
  }

  /** The bytes of the file. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(this.#bytes);
  }

  get size(): number {
    return this.#bytes.length;
  }

  load(fields: LoadFields = {}): this {
    const { name = "f", address = 0x1000n, code = Uint8Array.of(0xc3) } =
      fields;
    const { index = 0n, time = 1n, pid = 7, tid = 7 } = fields;
    return this.record(0, time, () => {
      this.u32(pid, tid);
      this.u64(address, address, BigInt(code.length), index);
      this.text(name);
      this.raw(code);
    });
  }

  move(
    from: bigint,
    to: bigint,
    size: number,
    index = 0n,
    time = 1n,
    pid = 7,
  ): this {
    return this.record(1, time, () => {
      this.u32(pid, pid);
      this.u64(to, from, to, BigInt(size), index);
    });
  }

  debugInfo(address: bigint, entries: Entry[], time = 1n): this {
    return this.record(2, time, () => {
      this.u64(address, BigInt(entries.length));
      for (const [address, line, file = "/a"] of entries) {
        this.u64(address);
        this.u32(line, 0);
        this.text(file);
      }
    });
  }

  unwinding(data: Uint8Array, hdrSize: number, mappedSize = data.length): this {
    return this.record(4, 1n, () => {
      this.u64(BigInt(data.length), BigInt(hdrSize), BigInt(mappedSize));
      this.raw(data);
    });
  }

  /** Adds a record of any kind, and fills in its size. */
  record(id: number, time: bigint, body: () => void = () => {}): this {
    const start = this.#bytes.length;
    this.u32(id, 0);
    this.u64(time);
    body();
    const size = this.#bytes.length - start;
    const end = this.#bytes.splice(start + 4);
    this.u32(size);
    this.#bytes.push(...end.slice(4));
    return this;
  }

  u32(...values: number[]): void {
    for (const value of values) {
      const view = new DataView(new ArrayBuffer(4));
      view.setUint32(0, value, this.#littleEndian);
      this.raw(new Uint8Array(view.buffer));
    }
  }

  u64(...values: bigint[]): void {
    for (const value of values) {
      const view = new DataView(new ArrayBuffer(8));
      view.setBigUint64(0, value, this.#littleEndian);
      this.raw(new Uint8Array(view.buffer));
    }
  }

  text(value: string): void {
    this.raw(new TextEncoder().encode(`${value}\0`));
  }

  raw(bytes: Uint8Array): this {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }
}
