/**
 * A builder of recordings. It shares no code with the module.
 *
 * @module
 */

/** A growing array of bytes. */
export class Bytes {
  readonly littleEndian: boolean;
  #buffer = new Uint8Array(256);
  #view = new DataView(this.#buffer.buffer);
  length = 0;

  constructor(littleEndian = true) {
    this.littleEndian = littleEndian;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#buffer.slice(0, this.length);
  }

  u8(...values: number[]): this {
    for (const value of values) this.#view.setUint8(this.#grow(1), value);
    return this;
  }

  u16(...values: number[]): this {
    for (const value of values) {
      const at = this.#grow(2);
      this.#view.setUint16(at, value, this.littleEndian);
    }
    return this;
  }

  u32(...values: number[]): this {
    for (const value of values) {
      const at = this.#grow(4);
      this.#view.setUint32(at, value, this.littleEndian);
    }
    return this;
  }

  u64(...values: (bigint | number)[]): this {
    for (const value of values) {
      const at = this.#grow(8);
      this.#view.setBigUint64(at, BigInt(value), this.littleEndian);
    }
    return this;
  }

  /** Adds a string with its NUL, padded with zeros to a multiple of 8. */
  text(value: string): this {
    const bytes = new TextEncoder().encode(value);
    this.raw(bytes);
    return this.raw(new Uint8Array(8 - bytes.length % 8));
  }

  raw(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#buffer.set(bytes, at);
    return this;
  }

  #grow(size: number): number {
    const at = this.length;
    this.length += size;
    if (this.length > this.#buffer.length) {
      const old = this.#buffer;
      this.#buffer = new Uint8Array(2 * this.length);
      this.#buffer.set(old);
      this.#view = new DataView(this.#buffer.buffer);
    }
    return at;
  }
}

/** Bits of sample_type. */
export const IP = 1, TID = 2, TIME = 4, CALLCHAIN = 32, CPU = 128, PERIOD = 256;
export const REGS_USER = 4096, STACK_USER = 8192, IDENTIFIER = 65536;

/** Fields of an event; each defaults to 0. */
export interface AttrFields {
  type?: number;
  config?: number;
  size?: number;
  period?: number;
  sampleType?: number;
  readFormat?: number;
  branchSampleType?: number;
  regsUser?: number;
  regsIntr?: number;
  /** Number of bytes of the user's stack in a sample. */
  stackUser?: number;
  /** Positions of the flags that are set; 18 is sample_id_all. */
  flags?: number[];
  clockid?: number;
}

/** Writes a perf_event_attr. */
export function putAttr(into: Bytes, fields: AttrFields): Bytes {
  const { type = 1, config = 0, size = 136, period = 1 } = fields;
  const { sampleType = 0, readFormat = 0, branchSampleType = 0 } = fields;
  const { regsUser = 0, regsIntr = 0, stackUser = 0 } = fields;
  const { flags = [18], clockid = 1 } = fields;
  const attr = new Bytes(into.littleEndian)
    .u32(type, size).u64(config, period, sampleType, readFormat);
  const bits = new Uint8Array(8);
  for (const bit of flags) {
    bits[bit >> 3] |= into.littleEndian ? 1 << (bit & 7) : 0x80 >> (bit & 7);
  }
  attr.raw(bits).u32(0, 0).u64(0, 0, branchSampleType, regsUser);
  attr.u32(stackUser, clockid).u64(regsIntr, 0, 0, 0, 0, 0);
  return into.raw(attr.bytes.subarray(0, size || 64));
}

/** A sequence of records. */
export class RecordBuilder extends Bytes {
  /** Adds a record, and fills in its size. */
  record(type: number, misc: number, body: (bytes: Bytes) => void): this {
    const inner = new Bytes(this.littleEndian);
    body(inner);
    this.u32(type).u16(misc, 8 + inner.length);
    return this.raw(inner.bytes);
  }

  finishedRound(): this {
    return this.record(68, 0, () => {});
  }
}

/** An event with its ids. */
export interface EventFields extends AttrFields {
  ids?: (bigint | number)[];
}

/** The parts of a file. */
export interface FileFields {
  littleEndian?: boolean;
  events: EventFields[];
  data: Uint8Array;
  /** Feature sections by number. */
  features?: Record<number, Uint8Array>;
  /** Indicates whether perf was killed: the data has no size, and nothing follows it. */
  killed?: boolean;
  attrSize?: number;
}

/** Builds a file: header, ids, attrs, data, feature sections. */
export function buildFile(fields: FileFields): Uint8Array<ArrayBuffer> {
  const { littleEndian = true, events, data, features = {}, killed = false } =
    fields;
  const { attrSize = 136 } = fields;
  const bytes = new Bytes(littleEndian);
  const idsStart = 104;
  const idCounts = events.map(({ ids = [] }) => ids.length);
  const attrsStart = idsStart + 8 * idCounts.reduce((a, b) => a + b, 0);
  const width = attrSize + 16;
  const dataStart = attrsStart + width * events.length;
  const numbers = Object.keys(features).map(Number).sort((a, b) => a - b);
  const flags = [0n, 0n, 0n, 0n];
  for (const bit of numbers) flags[bit >> 6] |= 1n << BigInt(bit & 63);
  bytes.u64(0x32454c4946524550n, 104, width);
  bytes.u64(attrsStart, width * events.length);
  bytes.u64(dataStart, killed ? 0 : data.length, 0, 0, ...flags);
  for (const { ids = [] } of events) bytes.u64(...ids);
  let idsAt = idsStart;
  for (const [index, event] of events.entries()) {
    putAttr(bytes, { ...event, size: attrSize });
    bytes.u64(idsAt, 8 * idCounts[index]);
    idsAt += 8 * idCounts[index];
  }
  bytes.raw(data);
  if (killed) return bytes.bytes;
  let at = bytes.length + 16 * numbers.length;
  for (const number of numbers) {
    bytes.u64(at, features[number].length);
    at += features[number].length;
  }
  for (const number of numbers) bytes.raw(features[number]);
  return bytes.bytes;
}

/** Builds a recording in the format of a pipe: a header and records. */
export function buildPipe(
  records: Uint8Array,
  littleEndian = true,
): Uint8Array<ArrayBuffer> {
  return new Bytes(littleEndian).u64(0x32454c4946524550n, 16).raw(records)
    .bytes;
}

/** Returns a perf_header_string. */
export function headerString(value: string, littleEndian = true): Uint8Array {
  const text = new TextEncoder().encode(`${value}\0`);
  return new Bytes(littleEndian).u32(text.length).raw(text).bytes;
}
