/**
 * The check for samples in a recording.
 *
 * @module
 */

import { PerfDataFormatError } from "../perf_data/format_error.ts";
import { PerfDataReader } from "../perf_data/perf_data_reader.ts";
import { Sample } from "../perf_data/sample.ts";

/** Returns whether a recording can be read and has a sample. */
export async function hasSamples(path: string): Promise<boolean> {
  try {
    await using recording = await PerfDataReader.open(path);
    for await (const records of recording.batches()) {
      if (records.some((record) => record instanceof Sample)) return true;
    }
    return false;
  } catch (error) {
    if (error instanceof PerfDataFormatError) return false;
    throw error;
  }
}
