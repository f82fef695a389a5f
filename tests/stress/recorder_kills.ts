/**
 * Recorders that are killed while they record.
 *
 * @module
 */

import {
  PerfDataReader,
  type PerfRecord,
  Sample,
} from "../../src/perf_data/mod.ts";
import { jitdumpCommand } from "../support/jitdump.ts";
import { runOrThrow } from "../support/perf.ts";

/** The contents of the recordings. */
export interface RecorderKillCounts {
  kills: number;
  /** Recordings that were incomplete. */
  incomplete: number;
  /** Samples in all incomplete recordings. */
  samples: number;
  /** Recordings that end with a partial record. */
  tails: number;
}

/**
 * Maximum number of milliseconds between a recorder's start and its kill. An undisturbed
 * recorder ends earlier.
 */
const LONGEST_LIFE_MS = 1500;

/** Number of recorders that run at the same time. */
const RECORDERS = 2;

/** A program that uses the CPU for a while. */
const BUSY = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";

const recordInto = (out: string) =>
  jitdumpCommand(
    ["--allow-all"],
    "record",
    "--out",
    out,
    "--",
    "sh",
    "-c",
    BUSY,
  );

/**
 * Kills recorders at random times. Checks that each incomplete recording is readable up to its
 * last complete record, and that the recording before it is complete.
 */
export async function killRecorders(
  directory: string,
  kills: number,
): Promise<RecorderKillCounts> {
  const counts = { kills: 0, incomplete: 0, samples: 0, tails: 0 };
  const killSome = async (out: string) => {
    await runOrThrow(recordInto(out));
    while (counts.kills < kills) {
      counts.kills++;
      await killOne(out);
      await checkComplete(out);
      await checkIncomplete(out, counts);
    }
    await runOrThrow(recordInto(out));
  };
  await Promise.all(
    Array.from({ length: RECORDERS }, (_, i) => killSome(`${directory}/${i}`)),
  );
  return counts;
}

async function killOne(out: string): Promise<void> {
  const [program, ...args] = recordInto(out);
  const recorder = new Deno.Command(program, {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const life = Math.random() * LONGEST_LIFE_MS;
  await new Promise((resolve) => setTimeout(resolve, life));
  try {
    recorder.kill("SIGKILL");
  } catch {
    // It has ended.
  }
  await recorder.status;
}

/** Checks the last complete recording, which a kill may have left in old/. */
async function checkComplete(out: string): Promise<void> {
  const directory = exists(`${out}/perf.data`) ? out : `${out}/old`;
  const { samples, isUnfinished } = await read(`${directory}/perf.data`);
  const description = Deno.readTextFileSync(`${directory}/recording.json`);
  if (isUnfinished || JSON.parse(description).samples !== samples) {
    throw new Error(`${directory} is incomplete`);
  }
}

async function checkIncomplete(
  out: string,
  counts: RecorderKillCounts,
): Promise<void> {
  const data = `${out}/new/perf.data`;
  // The recorder may be killed before it writes, or after it has completed the file.
  if (!exists(data) || Deno.statSync(data).size === 0) return;
  const { records, samples, isUnfinished, isPartial } = await read(data);
  if (!isUnfinished) return;
  counts.incomplete++;
  counts.samples += samples;
  if (isPartial) counts.tails++;
  const complete = completeRecords(Deno.readFileSync(data));
  if (records.length !== complete) {
    throw new Error(
      `${data}: ${records.length} of ${complete} records are read`,
    );
  }
}

async function read(path: string) {
  const reader = await PerfDataReader.open(path);
  const records: PerfRecord[] = await Array.fromAsync(reader);
  const samples = records.filter((record) => record instanceof Sample).length;
  const { isUnfinished } = reader.header;
  return { records, samples, isUnfinished, isPartial: reader.tails.length > 0 };
}

/** Counts the complete records of a recording without features. */
function completeRecords(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer);
  let at = Number(view.getBigUint64(40, true)); // offset of the data
  let count = 0;
  while (at + 8 <= bytes.length) {
    at += view.getUint16(at + 6, true);
    if (at <= bytes.length) count++;
  }
  return count;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
