/**
 * Measurement of reading a dump with many corrupt records.
 *
 * @module
 */

import { JitDumpFile } from "../../mod.ts";
import {
  CodeLoadRecord,
  FileHeader,
  RecordHeader,
} from "../../src/format/mod.ts";
import {
  CorruptRange,
  RecoveringReader,
} from "../../src/reader/recovering_reader.ts";
import { ordinaryFunctions, RECORD_SIZE } from "./reader.ts";
import { median, type Report } from "./report.ts";

/** Number of functions; every second one is corrupt. */
const COUNT = 200_000;

const ROUNDS = 5;

/** Kinds of corruption: a u32 field of a load, and its wrong value. */
const DAMAGES: readonly [string, number, number][] = [
  ["total_size is 0", RecordHeader.offsets.totalSize, 0],
  ["total_size is 13 too large", RecordHeader.offsets.totalSize, 359],
  ["total_size is 2^31", RecordHeader.offsets.totalSize, 2 ** 31],
  ["code_size is 4096", CodeLoadRecord.offsets.codeSize, 4096],
];

/**
 * Measures reading a dump in which every second record is corrupt.
 *
 * @throws {Error} If a record that is not corrupt is lost.
 */
export function benchDamaged(report: Report, directory: string): void {
  const path = `${directory}/damaged.dump`;
  {
    using dump = new JitDumpFile(path);
    dump.dumpFunctions(ordinaryFunctions(COUNT));
  }
  const bytes = Deno.readFileSync(path);
  report.section(`recovering from ${COUNT / 2} corrupt records, seconds`);
  for (const [kind, field, value] of DAMAGES) {
    const damaged = bytes.slice();
    const view = new DataView(damaged.buffer);
    for (let i = 1; i < COUNT; i += 2) {
      view.setUint32(FileHeader.size + i * RECORD_SIZE + field, value, true);
    }
    Deno.writeFileSync(path, damaged);
    report.row(kind, median(Array.from({ length: ROUNDS }, () => read(path))));
  }
  Deno.removeSync(path);
}

/** Reads a corrupt dump; returns the time in seconds. */
function read(path: string): number {
  const start = performance.now();
  let whole = 0;
  using dump = RecoveringReader.open(path);
  for (const item of dump) {
    if (item instanceof CorruptRange) continue;
    const index = (item.offset - FileHeader.size) / RECORD_SIZE;
    if (index % 2 === 0) whole++;
  }
  const seconds = (performance.now() - start) / 1000;
  if (whole !== COUNT / 2) throw new Error(`${COUNT / 2 - whole} are lost`);
  return seconds;
}
