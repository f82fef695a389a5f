/**
 * The writer of recordings.
 *
 *     header │ ids │ attrs │ records … │ feature table │ feature sections
 *
 * Until the recording is finished, the header has no features, and the size of the records
 * at the last commit. If the recorder is killed, perf can read the file up to that commit,
 * and this module up to the last whole record. (A data size of 0, which a killed perf leaves,
 * stops perf 6.1 to 7.2: "failed to process sample".)
 *
 * @module
 */

import {
  type NewEvent,
  type NewFeatures,
  packFeatures,
} from "./new_features.ts";
import { FileSection, PERF_MAGIC, PerfHeader, U64_SIZE } from "./structs.ts";

/** A file to write, such as a `Deno.FsFile`. */
export interface WritableFile {
  writeSync(bytes: Uint8Array): number;
  seekSync(offset: number, whence: Deno.SeekMode): number;
}

/** The magic as a number in the byte order of this machine. */
const MAGIC = new DataView(new TextEncoder().encode(PERF_MAGIC).buffer)
  .getBigUint64(0, true);

/** Writes a recording to a file. */
export class PerfDataWriter {
  readonly #file: WritableFile;
  readonly #events: readonly NewEvent[];
  readonly #dataStart: number;
  #end: number;

  /**
   * Writes the header.
   *
   * @param file An empty file.
   * @param events At least one event; all attrs have the same size.
   */
  constructor(file: WritableFile, events: readonly NewEvent[]) {
    this.#file = file;
    this.#events = events;
    const idCount = events.reduce((sum, { ids }) => sum + ids.length, 0);
    this.#dataStart = PerfHeader.size + idCount * U64_SIZE +
      events.length * this.#attrSize;
    this.#end = this.#dataStart;
    // One write, so that a recorder that is killed leaves all of it or an empty file.
    const start = new Uint8Array(this.#dataStart);
    start.set(this.#header(0, []));
    start.set(this.#ids(), PerfHeader.size);
    start.set(this.#attrs(), PerfHeader.size + idCount * U64_SIZE);
    this.#writeAll(start);
  }

  /** Writes the size of the records to the header, so that other readers find them. */
  commit(): void {
    const size = BigUint64Array.of(BigInt(this.#end - this.#dataStart));
    this.#file.seekSync(PerfHeader.offsets.dataSize, Deno.SeekMode.Start);
    this.#writeAll(new Uint8Array(size.buffer));
    this.#file.seekSync(this.#end, Deno.SeekMode.Start);
  }

  /** Position of the next record. */
  get end(): number {
    return this.#end;
  }

  /** Replaces a record by another one of its size. */
  replace(position: number, record: Uint8Array): void {
    this.#file.seekSync(position, Deno.SeekMode.Start);
    this.#writeAll(record);
    this.#file.seekSync(this.#end, Deno.SeekMode.Start);
  }

  /** Appends records. */
  write(records: Uint8Array): void {
    this.#writeAll(records);
    this.#end += records.length;
  }

  /** Appends the features, and completes the header. */
  finish(features: NewFeatures): void {
    const sections = packFeatures(features, this.#events);
    const table = new Uint8Array(sections.length * FileSection.size);
    let offset = this.#end + table.length;
    for (const [index, { bytes }] of sections.entries()) {
      const section = {
        offset: BigInt(offset),
        size: BigInt(bytes.length),
      };
      FileSection.pack(section, table.subarray(index * FileSection.size));
      offset += bytes.length;
    }
    this.#writeAll(table);
    for (const { bytes } of sections) this.#writeAll(bytes);
    this.#file.seekSync(0, Deno.SeekMode.Start);
    const ids = sections.map(({ id }) => id);
    this.#writeAll(this.#header(this.#end - this.#dataStart, ids));
  }

  get #attrSize(): number {
    return this.#events[0].attr.length + FileSection.size;
  }

  #header(dataSize: number, features: readonly number[]): Uint8Array {
    const flags = features.reduce((all, id) => all | 1n << BigInt(id), 0n);
    const attrsSize = this.#events.length * this.#attrSize;
    return PerfHeader.pack({
      magic: MAGIC,
      size: BigInt(PerfHeader.size),
      attrSize: BigInt(this.#attrSize),
      attrsOffset: BigInt(this.#dataStart - attrsSize),
      attrsSize: BigInt(attrsSize),
      dataOffset: BigInt(this.#dataStart),
      dataSize: BigInt(dataSize),
      eventTypesOffset: 0n,
      eventTypesSize: 0n,
      flags0: flags,
      flags1: 0n,
      flags2: 0n,
      flags3: 0n,
    });
  }

  #ids(): Uint8Array {
    const ids = this.#events.flatMap(({ ids }) => ids);
    return new Uint8Array(BigUint64Array.from(ids).buffer);
  }

  #attrs(): Uint8Array {
    const bytes = new Uint8Array(this.#events.length * this.#attrSize);
    let idsOffset = PerfHeader.size;
    for (const [index, { attr, ids }] of this.#events.entries()) {
      const at = index * this.#attrSize;
      bytes.set(attr, at);
      const size = ids.length * U64_SIZE;
      const section = { offset: BigInt(idsOffset), size: BigInt(size) };
      FileSection.pack(section, bytes.subarray(at + attr.length));
      idsOffset += size;
    }
    return bytes;
  }

  #writeAll(bytes: Uint8Array): void {
    for (let written = 0; written < bytes.length;) {
      written += this.#file.writeSync(bytes.subarray(written));
    }
  }
}
