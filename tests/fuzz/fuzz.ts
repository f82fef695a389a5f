/**
 * The fuzzer of dumps.
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
import { RecordScanner } from "../../src/reader/record_scanner.ts";
import { streamOf } from "../support/stream_of.ts";
import { type FuzzCounts, runCases } from "./cases.ts";
import { damage } from "./damage.ts";

/** Interval of the cases that are also read as a stream, which is slow. */
const STREAM_EVERY = 20;

/** Reads all fields of a dump; returns the number of records. */
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

/** Reads a dump as a stream; returns the number of records. */
async function streamAll(bytes: Uint8Array, size: number): Promise<number> {
  const stream = await JitDumpStream.open(streamOf(bytes, size));
  let records = 0;
  for await (const _ of stream) records++;
  return records;
}

/** Runs `read`; returns undefined if it rejects the dump. */
async function unlessRejected<T>(
  read: () => T | Promise<T>,
): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof JitDumpFormatError) return undefined;
    throw error;
  }
}

/**
 * Damages dumps at random, and reads them in every way.
 *
 * @throws {Error} If a case throws an error other than a `JitDumpFormatError`, or exceeds
 * a limit of {@linkcode runCases}.
 */
export function fuzz(
  dumps: readonly Uint8Array[],
  cases: number,
  seed: number,
): Promise<FuzzCounts> {
  return runCases(cases, seed, async (random, index) => {
    const bytes = damage(dumps, random);
    const records = await unlessRejected(() => readAll(bytes));
    await unlessRejected(() => checkAll(bytes));
    if (index % STREAM_EVERY === 0) {
      const size = 1 + random.below(2 * bytes.length + 1);
      const streamed = await unlessRejected(() => streamAll(bytes, size));
      if (streamed !== records) {
        throw new Error(
          `read ${streamed} records from the stream, but ${records} from the file`,
        );
      }
    }
    return records;
  });
}
