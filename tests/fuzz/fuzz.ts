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
import { RecordScanner } from "../../src/reader/record_scanner.ts";
import {
  CorruptRange,
  RecoveringReader,
} from "../../src/reader/recovering_reader.ts";
import { streamOf } from "../support/stream_of.ts";
import { type FuzzCounts, runCases } from "./cases.ts";
import { damage } from "./damage.ts";

/** Interval of the cases that are also read as a stream and as a file, which is slow. */
const SLOW_EVERY = 20;

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

/** Reads what can be recovered of a dump. */
function recoverAll(bytes: Uint8Array, path: string): void {
  Deno.writeFileSync(path, bytes);
  using reader = RecoveringReader.open(path);
  for (const item of reader) {
    if (!(item instanceof CorruptRange)) item.toJSON();
  }
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
 * Corrupts dumps at random, and reads them in every way.
 *
 * @param path A file for corrupt dumps.
 * @throws {Error} If a case throws an error other than a `JitDumpFormatError`, or exceeds
 * a limit of {@linkcode runCases}.
 */
export function fuzz(
  dumps: readonly Uint8Array[],
  cases: number,
  seed: number,
  path: string,
): Promise<FuzzCounts> {
  return runCases(cases, seed, async (random, index) => {
    const bytes = damage(dumps, random);
    const records = await unlessRejected(() => readAll(bytes));
    await unlessRejected(() => checkAll(bytes));
    if (index % SLOW_EVERY === 0) {
      await unlessRejected(() => recoverAll(bytes, path));
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
