/**
 * A scan of the records that were just read from a ring buffer.
 *
 * @module
 */

import { Window } from "../perf_data/bytes.ts";
import { PerfRecordType } from "../perf_data/constants.ts";
import { type Exit, type Mmap2, recordOf } from "../perf_data/records.ts";
import type { SampleLayout } from "../perf_data/sample_layout.ts";
import {
  EventHeader,
  LostBody,
  LostSamplesBody,
} from "../perf_data/structs.ts";

const { type: TYPE, size: SIZE } = EventHeader.offsets;
const LOST = EventHeader.size + LostBody.offsets.lost;
const LOST_SAMPLES = EventHeader.size + LostSamplesBody.offsets.lost;

/** Receives the records that the recorder needs. */
export interface ScanEvents {
  /** Receives a mapping of a file, or of memory, as code. */
  onMapping(record: Mmap2): void;
  /** Receives the end of a thread. */
  onExit(record: Exit): void;
}

/** Counts samples and lost records. */
export class RecordScan {
  samples = 0;
  lost = 0;
  /** Earliest and latest time of a sample. */
  first = 0xffff_ffff_ffff_ffffn;
  last = 0n;
  readonly #timeAt: number;
  readonly #on: ScanEvents;

  constructor({ fixed }: SampleLayout, on: ScanEvents) {
    this.#timeAt = fixed.time;
    this.#on = on;
  }

  /** Scans whole records from the start of a buffer. */
  scan(bytes: Uint8Array<ArrayBuffer>, end: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, end);
    let firstSample = -1;
    let lastSample = -1;
    for (let at = 0; at < end;) {
      const size = view.getUint16(at + SIZE, true);
      if (size < EventHeader.size) break;
      switch (view.getUint32(at + TYPE, true)) {
        case PerfRecordType.Sample:
          this.samples++;
          if (firstSample < 0) firstSample = at;
          lastSample = at;
          break;
        case PerfRecordType.Lost:
          this.lost += Number(view.getBigUint64(at + LOST, true));
          break;
        case PerfRecordType.LostSamples:
          this.lost += Number(view.getBigUint64(at + LOST_SAMPLES, true));
          break;
        case PerfRecordType.Mmap2:
          this.#on.onMapping(
            recordOf(PerfRecordType.Mmap2, rawRecord(bytes, at, size)) as Mmap2,
          );
          break;
        case PerfRecordType.Exit:
          this.#on.onExit(
            recordOf(PerfRecordType.Exit, rawRecord(bytes, at, size)) as Exit,
          );
          break;
      }
      at += size;
    }
    if (firstSample < 0) return;
    const first = view.getBigUint64(firstSample + this.#timeAt, true);
    const last = view.getBigUint64(lastSample + this.#timeAt, true);
    if (first < this.first) this.first = first;
    if (last > this.last) this.last = last;
  }
}

function rawRecord(bytes: Uint8Array, at: number, size: number) {
  // A copy, because the buffer is reused.
  const window = new Window(bytes.slice(at, at + size), true, 0);
  return { window, at: 0, size, event: undefined };
}
