/**
 * Measurement of the records that are lost if a dump is corrupted once.
 *
 * @module
 */

import { CodeLoadRecord, RecordHeader } from "../../src/format/mod.ts";
import { CodeLoad, DumpRecord, JitDumpReader } from "../../src/reader/mod.ts";
import { RecoveringReader } from "../../src/reader/recovering_reader.ts";
import { Random } from "../support/random.ts";

/** Results of many cases. */
export interface RecoveryCounts {
  readonly cases: number;
  /** Number of cases in which an intact record was not found. */
  readonly losing: number;
  /** Number of cases in which a function was found that does not exist. */
  readonly inventing: number;
  /** The first cases with a loss, to reproduce them. */
  readonly examples: readonly string[];
}

/** Size of a dump's header, which is not corrupted, because it cannot be recovered. */
const HEADER_SIZE = 40;

/** A corrupt copy, in which the bytes from `start` to `end` have changed. */
interface Damage {
  readonly kind: string;
  readonly start: number;
  readonly end: number;
  readonly bytes: Uint8Array;
}

/** Corrupts a dump at a byte. */
type Damager = (bytes: Uint8Array, at: number, random: Random) => Damage;

/** Corrupts a record. */
type RecordDamager = (record: DumpRecord, random: Random) => Damage | undefined;

const randomBytes = (size: number, random: Random) =>
  Uint8Array.from({ length: size }, () => random.below(256));

const DAMAGERS: readonly Damager[] = [
  (bytes, at, random) => ({
    kind: "flip",
    start: at,
    end: at + 1,
    bytes: Uint8Array.of(bytes[at] ^ (1 << random.below(8))),
  }),
  (_, at, random) => ({
    kind: "byte",
    start: at,
    end: at + 1,
    bytes: randomBytes(1, random),
  }),
  (bytes, at) => ({
    kind: "end",
    start: at,
    end: bytes.length,
    bytes: new Uint8Array(0),
  }),
  (_, at, random) => ({
    kind: "insertion",
    start: at,
    end: at,
    bytes: randomBytes(1 + random.below(300), random),
  }),
  (bytes, at, random) => {
    const end = Math.min(bytes.length, at + 1 + random.below(300));
    return { kind: "zeros", start: at, end, bytes: new Uint8Array(end - at) };
  },
];

/** Returns a number that differs from a field's value by little or by much. */
function wrongValue(value: number, sign: 1 | -1, random: Random): number {
  const difference = random.of([1, 8, 16, 64, 0x1000, 2 ** 30]);
  return sign > 0
    ? value + 1 + random.below(difference)
    : Math.max(1, value - 1 - random.below(Math.min(difference, value)));
}

/** Returns a function that corrupts the lower 32 bits of a field. */
function wrongField(
  kind: string,
  field: number,
  value: (record: DumpRecord, random: Random) => number,
): RecordDamager {
  return (record, random) => {
    const start = record.offset + field;
    const bytes = new Uint8Array(4);
    const view = new DataView(bytes.buffer);
    const before = new DataView(record.bytes.slice().buffer);
    const littleEndian = before.getUint32(4, true) === record.totalSize;
    view.setUint32(0, value(record, random), littleEndian);
    return { kind, start, end: start + 4, bytes };
  };
}

/** Changes the lower 32 bits of a load's `code_size`. */
function wrongCodeSize(sign: 1 | -1): RecordDamager {
  return (record, random) => {
    if (!(record instanceof CodeLoad)) return undefined;
    const littleEndian =
      new DataView(record.bytes.slice().buffer).getUint32(4, true) ===
        record.totalSize;
    const damage = wrongField(
      sign > 0 ? "code_size too large" : "code_size too small",
      CodeLoadRecord.offsets.codeSize + (littleEndian ? 0 : 4),
      () => wrongValue(record.codeSize, sign, random),
    );
    return damage(record, random);
  };
}

const { id: ID, totalSize: SIZE } = RecordHeader.offsets;

const RECORD_DAMAGERS: readonly RecordDamager[] = [
  wrongField("size zero", SIZE, () => 0),
  wrongField(
    "size too large",
    SIZE,
    ({ totalSize }, random) => wrongValue(totalSize, 1, random),
  ),
  wrongField(
    "size too small",
    SIZE,
    ({ totalSize }, random) => wrongValue(totalSize, -1, random),
  ),
  wrongField("id of another kind", ID, ({ id }, random) => {
    const other = random.below(4);
    return other < id ? other : other + 1;
  }),
  wrongField("unknown id", ID, (_, random) => 5 + random.below(2 ** 31)),
  wrongCodeSize(1),
  wrongCodeSize(-1),
  (record) => {
    if (!(record instanceof CodeLoad)) return undefined;
    const nul = record.bytes.indexOf(0, CodeLoadRecord.size);
    const start = record.offset + nul;
    const bytes = Uint8Array.of(0x41);
    return { kind: "name without NUL", start, end: start + 1, bytes };
  },
  (record, random) => {
    const { offset, totalSize } = record;
    const start = offset + random.below(totalSize);
    const end = start + 1 + random.below(offset + totalSize - start);
    const bytes = randomBytes(end - start, random);
    return { kind: "random bytes", start, end, bytes };
  },
];

/** Returns a corruption of any kind. */
function anyDamage(
  bytes: Uint8Array,
  records: readonly DumpRecord[],
  random: Random,
): Damage {
  if (random.below(2) === 0) {
    const damage = random.of(RECORD_DAMAGERS)(random.of(records), random);
    if (damage) return damage;
  }
  const at = HEADER_SIZE + random.below(bytes.length - HEADER_SIZE);
  return random.of(DAMAGERS)(bytes, at, random);
}

function apply(bytes: Uint8Array, damage: Damage): Uint8Array {
  const rest = bytes.subarray(damage.end);
  const damaged = new Uint8Array(
    damage.start + damage.bytes.length + rest.length,
  );
  damaged.set(bytes.subarray(0, damage.start));
  damaged.set(damage.bytes, damage.start);
  damaged.set(rest, damage.start + damage.bytes.length);
  return damaged;
}

const keyOf = ({ id, totalSize, timestamp }: DumpRecord, offset: number) =>
  `${offset} ${id} ${totalSize} ${timestamp}`;

/** Returns the keys of the intact records, with their offsets in the corrupt dump. */
function wholeRecords(
  records: readonly DumpRecord[],
  damage: Damage,
): Set<string> {
  const shift = damage.bytes.length - (damage.end - damage.start);
  const whole = new Set<string>();
  for (const record of records) {
    const { offset, totalSize } = record;
    if (offset + totalSize <= damage.start) whole.add(keyOf(record, offset));
    else if (offset >= damage.end) whole.add(keyOf(record, offset + shift));
  }
  return whole;
}

/** Returns the records that are found in a file. */
function recordsIn(path: string): DumpRecord[] {
  using reader = RecoveringReader.open(path);
  return [...reader].filter((item) => item instanceof DumpRecord);
}

const namesOf = (records: readonly DumpRecord[]) =>
  records.filter((record) => record instanceof CodeLoad)
    .map(({ functionName }) => functionName);

/**
 * Corrupts each dump once, and counts the intact records that are not recovered.
 *
 * @param path A file for the corrupt dumps.
 */
export function measureRecovery(
  dumps: readonly Uint8Array[],
  cases: number,
  seed: number,
  path: string,
): RecoveryCounts {
  const examples: string[] = [];
  const records = dumps.map((bytes) => [...new JitDumpReader(bytes)]);
  const names = dumps.map((bytes) => {
    Deno.writeFileSync(path, bytes);
    return new Set(namesOf(recordsIn(path)));
  });
  let [losing, inventing] = [0, 0];
  for (let i = 0; i < cases; i++) {
    const random = new Random(Math.imul(seed + i, 2_654_435_761) | 1);
    const which = random.below(dumps.length);
    const bytes = dumps[which];
    const damage = anyDamage(bytes, records[which], random);
    // Overwriting a file would make ext4 write it to the disk (Linux 6.18).
    Deno.removeSync(path);
    Deno.writeFileSync(path, apply(bytes, damage));
    const whole = wholeRecords(records[which], damage);
    const found = recordsIn(path);
    for (const record of found) whole.delete(keyOf(record, record.offset));
    const invented = namesOf(found).filter((name) => !names[which].has(name));
    // The corrupt function may have a different name.
    if (invented.length > 1) inventing++;
    if (whole.size === 0) continue;
    losing++;
    if (examples.length < 20) {
      examples.push(
        `case ${i} of seed ${seed}: ${damage.kind} at byte ${damage.start} of dump ${which}: ` +
          `${whole.size} lost, ${[...whole][0]}`,
      );
    }
  }
  return { cases, losing, inventing, examples };
}
