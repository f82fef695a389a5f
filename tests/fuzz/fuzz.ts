/**
 * Reading dumps that have been damaged at random.
 *
 * @module
 */

import { DumpChecker } from "../../src/reader/dump_checker.ts";
import {
  CodeLoad,
  CodeTimeline,
  JitDumpFormatError,
  JitDumpReader,
  JitDumpStream,
  UnwindingInfo,
} from "../../src/reader/mod.ts";
import { CorruptRange } from "../../src/reader/recovering_reader.ts";
import { damage } from "./damage.ts";
import { Random } from "./random.ts";
import { RecordScanner } from "../../src/reader/record_scanner.ts";

/** What came of it. */
export interface FuzzCounts {
  cases: number;
  /** How many dumps were refused, wholly or from some record on. */
  refused: number;
  records: number;
  slowestMs: number;
  growthMiB: number;
}

/** A case takes this long at the most. */
const LONGEST_MS = 1000;

/** Memory may grow by so much. */
const GROWTH_MIB = 256;

/** One of so many cases goes through a stream too, which takes longer. */
const STREAM_EVERY = 20;

/** Looks at everything in a dump; gives the number of records. */
function readAll(bytes: Uint8Array): number {
  let records = 0;
  const timeline = new CodeTimeline();
  for (const record of new JitDumpReader(bytes)) {
    records++;
    record.toJSON();
    if (record instanceof CodeLoad) void record.code;
    if (record instanceof UnwindingInfo) {
      void [record.ehFrame, record.ehFrameHdr];
    }
    timeline.add(record);
    if (record instanceof CodeLoad) {
      timeline.find(record.codeAddr, record.timestamp);
    }
  }
  return records;
}

/** Checks a dump as `checkDump()` does. */
function checkAll(bytes: Uint8Array): void {
  const scanner = new RecordScanner(bytes);
  if (!scanner.header) return;
  const checker = new DumpChecker(scanner.header, "/tmp/jit-1.dump");
  checker.checkHeader();
  for (;;) {
    const start = scanner.position;
    try {
      const record = scanner.next();
      if (!record) break;
      checker.check(record);
    } catch (error) {
      if (!(error instanceof JitDumpFormatError)) throw error;
      const { offset, message } = error;
      checker.checkCorruptRange(new CorruptRange(offset, message, undefined));
      if (scanner.position === start) break;
    }
  }
  checker.checkEnd(scanner.tail);
}

async function streamAll(bytes: Uint8Array, size: number): Promise<number> {
  let at = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.length) controller.close();
      else controller.enqueue(bytes.slice(at, at += size));
    },
  });
  let records = 0;
  for await (const _ of await JitDumpStream.open(stream)) records++;
  return records;
}

/** Does it; undefined where the dump is refused. */
async function orRefused<T>(
  read: () => T | Promise<T>,
): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof JitDumpFormatError) return undefined;
    throw error;
  }
}

const rss = () => Deno.memoryUsage().rss / 2 ** 20;

/**
 * Damages the dumps in so many ways and reads what comes of it.
 *
 * @throws {Error} If a case throws something else than a `JitDumpFormatError`, takes
 * too long, or too much memory; the message has what is needed to make it again.
 */
export async function fuzz(
  dumps: readonly Uint8Array[],
  cases: number,
  seed: number,
): Promise<FuzzCounts> {
  const counts: FuzzCounts = {
    cases: 0,
    refused: 0,
    records: 0,
    slowestMs: 0,
    growthMiB: 0,
  };
  const before = rss();
  for (; counts.cases < cases; counts.cases++) {
    const random = new Random(
      Math.imul(seed + counts.cases, 2_654_435_761) | 1,
    );
    const bytes = damage(dumps, random);
    const where = `case ${counts.cases} of seed ${seed}`;
    const start = performance.now();
    try {
      const records = await orRefused(() => readAll(bytes));
      if (records === undefined) counts.refused++;
      counts.records += records ?? 0;
      await orRefused(() => checkAll(bytes));
      if (counts.cases % STREAM_EVERY === 0) {
        const size = 1 + random.below(2 * bytes.length + 1);
        const streamed = await orRefused(() => streamAll(bytes, size));
        if (streamed !== records) {
          throw new Error(`${streamed} records by stream, not ${records}`);
        }
      }
    } catch (error) {
      throw new Error(where, { cause: error });
    }
    counts.slowestMs = Math.max(counts.slowestMs, performance.now() - start);
    if (counts.slowestMs > LONGEST_MS) throw new Error(`too slow: ${where}`);
    if (counts.cases % 1000 > 0) continue;
    counts.growthMiB = Math.max(counts.growthMiB, rss() - before);
    if (counts.growthMiB > GROWTH_MIB) throw new Error(`too large: ${where}`);
  }
  return counts;
}
