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

/** Maximum number of milliseconds between a recorder's first data and its kill. */
const LONGEST_LIFE_MS = 400;

/** Time limit for a recorder's first data. */
const LONGEST_WAIT_MS = 60_000;

/** Interval at which a recorder's data are checked. */
const POLL_MS = 2;

/** A program that uses the CPU for some 200 ms, so that its recorder may complete. */
const SHORT = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";

/** A program that uses the CPU until its recorder is killed. */
const ENDLESS = "while kill -0 $PPID; do :; done";

const recordInto = (out: string, program: string) =>
  jitdumpCommand(
    ["--allow-all"],
    ...["record", "--out", out, "--", "sh", "-c", program],
  );

/**
 * Kills recorders at random times, every other one while its program runs. Checks that each
 * incomplete recording is readable up to its last complete record, and that the recording
 * before it is complete.
 */
export async function killRecorders(
  directory: string,
  kills: number,
): Promise<RecorderKillCounts> {
  const counts = { kills: 0, incomplete: 0, samples: 0, tails: 0 };
  const out = `${directory}/out`;
  await runOrThrow(recordInto(out, SHORT));
  for (; counts.kills < kills; counts.kills++) {
    await killOne(out, counts.kills % 2 === 0 ? ENDLESS : SHORT);
    await checkComplete(out);
    await checkIncomplete(out, counts);
  }
  await runOrThrow(recordInto(out, SHORT));
  return counts;
}

/** Path of the data of a recording that is not complete. */
const newData = (out: string) => `${out}/new/perf.data`;

async function killOne(out: string, program: string): Promise<void> {
  // A recorder that was killed has left its data.
  const leftAt = timeOfData(out);
  const [command, ...args] = recordInto(out, program);
  const recorder = new Deno.Command(command, {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let hasEnded = false;
  const status = recorder.status.finally(() => hasEnded = true);
  const hasData = () => ![undefined, leftAt].includes(timeOfData(out));
  const deadline = performance.now() + LONGEST_WAIT_MS;
  while (!hasEnded && !hasData() && performance.now() < deadline) {
    await sleep(POLL_MS);
  }
  await sleep(Math.random() * LONGEST_LIFE_MS);
  if (!hasEnded) recorder.kill("SIGKILL");
  await status;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Returns the time at which new data were last written; returns undefined if there are none. */
function timeOfData(out: string): number | undefined {
  try {
    const { size, mtime } = Deno.statSync(newData(out));
    return size > 0 ? mtime!.getTime() : undefined;
  } catch {
    return undefined;
  }
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
  const data = newData(out);
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
