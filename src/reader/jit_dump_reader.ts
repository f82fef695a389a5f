/**
 * Reading of a dump in memory.
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

/**
 * A dump in memory. Its records can be iterated over.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { JitDumpFile } from "@jitdump/jitdump";
 * import { CodeLoad, JitDumpReader } from "@jitdump/jitdump/reader";
 *
 * using dump = JitDumpFile.forProcess(Deno.makeTempDirSync());
 * dump.dumpFunction({ name: "nothing", code: Uint8Array.of(0xc3) });
 *
 * const names: string[] = [];
 * for (const record of new JitDumpReader(Deno.readFileSync(dump.path))) {
 *   if (record instanceof CodeLoad) names.push(record.functionName);
 * }
 * assertEquals(names, ["nothing"]);
 * ```
 */
export class JitDumpReader implements Iterable<DumpRecord> {
  /** The file's header. */
  readonly header: DumpHeader;
  readonly #bytes: Uint8Array;
  #tail: Tail | undefined;

  /**
   * Reads the header.
   *
   * @param bytes The whole file, which must not change.
   * @throws {JitDumpFormatError} If it does not begin with the header of a dump.
   */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.header = new RecordScanner(bytes).header ?? refuseShort(bytes.length);
  }

  /**
   * The reason why the dump does not end after a whole record. Undefined if it does, and
   * until the last record has been read.
   */
  get tail(): Tail | undefined {
    return this.#tail;
  }

  /**
   * Iterates over the records.
   *
   * @throws {JitDumpFormatError} If a record is malformed.
   */
  *[Symbol.iterator](): Generator<DumpRecord, void> {
    const scanner = new RecordScanner(this.#bytes);
    for (let record; (record = scanner.next());) yield record;
    this.#tail = scanner.tail;
  }
}
