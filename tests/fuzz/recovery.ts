/** Measurement of the records that are lost by a single damage.
 *
 * @module
 */

import { CodeLoad, DumpRecord, JitDumpReader } from "../../src/reader/mod.ts";
import { RecoveringReader } from "../../src/reader/recovering_reader.ts";
import { Random } from "../support/random.ts";

/** Results of many cases. */
export interface RecoveryCounts {
  readonly cases: number;
  /** Number of cases in which an undamaged record was not found. */
  readonly losing: number;
  /** Number of cases in which a function was found that does not exist. */
  readonly inventing: number;
  /** The first cases with a loss, to reproduce them. */
  readonly examples: readonly string[];
}

/** Size of a dump's header, which is not damaged, because it cannot be recovered. */
const HEADER_SIZE = 40;

/** A damaged copy, in which the bytes from `start` to `end` have changed. */
interface Damage {
  readonly kind: string;
  readonly start: number;
  readonly end: number;
  readonly bytes: Uint8Array;
}

type Damager = (bytes: Uint8Array, at: number, random: Random) => Damage;

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

/** Returns the undamaged records by their offsets in the damaged dump. */
function wholeRecords(bytes: Uint8Array, damage: Damage): Set<string> {
  const shift = damage.bytes.length - (damage.end - damage.start);
  const whole = new Set<string>();
  for (const record of new JitDumpReader(bytes)) {
    const { offset, totalSize } = record;
    if (offset + totalSize <= damage.start) whole.add(keyOf(record, offset));
    else if (offset >= damage.end) whole.add(keyOf(record, offset + shift));
  }
  return whole;
}

/** Returns the names of all functions of a file. */
function namesIn(path: string): string[] {
  using reader = RecoveringReader.open(path);
  return [...reader].flatMap((record) =>
    record instanceof CodeLoad ? [record.functionName] : []
  );
}

/**
 * Damages each dump once, and counts the undamaged records that are not recovered.
 *
 * @param path A file for the damaged dumps.
 */
export function measureRecovery(
  dumps: readonly Uint8Array[],
  cases: number,
  seed: number,
  path: string,
): RecoveryCounts {
  const examples: string[] = [];
  const names = dumps.map((bytes) => {
    Deno.writeFileSync(path, bytes);
    return new Set(namesIn(path));
  });
  let [losing, inventing] = [0, 0];
  for (let i = 0; i < cases; i++) {
    const random = new Random(Math.imul(seed + i, 2_654_435_761) | 1);
    const which = random.below(dumps.length);
    const bytes = dumps[which];
    const at = HEADER_SIZE + random.below(bytes.length - HEADER_SIZE);
    const damage = random.of(DAMAGERS)(bytes, at, random);
    Deno.writeFileSync(path, apply(bytes, damage));
    const whole = wholeRecords(bytes, damage);
    using reader = RecoveringReader.open(path);
    for (const record of reader) {
      if (record instanceof DumpRecord) {
        whole.delete(keyOf(record, record.offset));
      }
    }
    const strangers = namesIn(path).filter((name) => !names[which].has(name));
    // The damaged function may have a different name.
    if (strangers.length > 1) inventing++;
    if (whole.size === 0) continue;
    losing++;
    if (examples.length < 20) {
      examples.push(
        `case ${i} of seed ${seed}: ${damage.kind} at byte ${at} of dump ${which}: ${whole.size} lost, ${
          [...whole][0]
        }`,
      );
    }
  }
  return { cases, losing, inventing, examples };
}
