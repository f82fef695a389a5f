/**
 * Decoding of bytes to typed records, with the state that it needs.
 *
 * @module
 */

import type { Window } from "./bytes.ts";
import {
  FeatureId,
  perfRecordName,
  PerfRecordType,
  USER_TYPE_START,
} from "./constants.ts";
import { EventTable } from "./events.ts";
import { type Features, readFeature } from "./features.ts";
import type { PerfDataFormatError } from "./format_error.ts";
import type { PerfRecord } from "./record.ts";
import { EventUpdate, HeaderAttr, HeaderFeature, recordOf } from "./records.ts";
import { Sample } from "./sample.ts";
import { ABSENT } from "./sample_layout.ts";
import { EVENT_UPDATE_NAME, EventHeader, FeatureBody } from "./structs.ts";

const TWO_32 = 0x1_0000_0000;
const ALL_ONES = 0xffff_ffff;

/** Decodes the records of a recording. */
export class RecordDecoder {
  readonly events = new EventTable();
  readonly features: Features = {};
  /** Errors of feature sections that are malformed. */
  readonly malformedFeatures: PerfDataFormatError[] = [];
  #hasStart = false;
  #startHigh = 0;
  #startLow = 0;

  /** The first timestamp in the file; 0 before it is read. */
  get startTime(): bigint {
    return BigInt(this.#startHigh) << 32n | BigInt(this.#startLow);
  }

  /**
   * Decodes a record that the window contains.
   *
   * @throws {PerfDataFormatError} If it is malformed.
   */
  decode(window: Window, at: number, size: number, type: number): PerfRecord {
    if (type === PerfRecordType.Sample) return this.#sample(window, at, size);
    if (type >= USER_TYPE_START) {
      const record = recordOf(type, { window, at, size, event: undefined });
      this.#note(record, window, at);
      return record;
    }
    const end = at + size;
    const event = this.events.ofTrailer(window, end, size);
    const record = recordOf(type, { window, at, size, event });
    const offset = event?.layout.trailer.time ?? ABSENT;
    if (offset !== ABSENT && size + offset >= EventHeader.size) {
      record.time = this.#timeAt(window, end + offset);
    }
    return record;
  }

  /** Reads a feature section. */
  readFeature(window: Window, id: number, start: number, end: number): void {
    const error = readFeature(this.features, id, window, start, end);
    if (error) this.malformedFeatures.push(error);
    if (id === FeatureId.EventDesc) this.#nameEvents();
  }

  #sample(window: Window, at: number, size: number): Sample {
    const event = this.events.ofSample(window, at, size);
    const layoutOf = event ?? this.events.all[0];
    if (!layoutOf) {
      window.refuse(
        "belongs to a sample, but no event description precedes it",
        perfRecordName(PerfRecordType.Sample),
        "header.type",
        at + EventHeader.offsets.type,
      );
    }
    const sample = new Sample({ window, at, size, event }, layoutOf);
    const offset = layoutOf.layout.fixed.time;
    if (offset !== ABSENT) sample.time = this.#timeAt(window, at + offset);
    return sample;
  }

  /** Returns a timestamp in nanoseconds since the start; −Infinity for 0 and all ones. */
  #timeAt(window: Window, at: number): number {
    const high = window.high(at);
    const low = window.low(at);
    if (high === 0 && low === 0 || high === ALL_ONES && low === ALL_ONES) {
      return -Infinity;
    }
    if (!this.#hasStart) {
      this.#hasStart = true;
      this.#startHigh = high;
      this.#startLow = low;
    }
    return (high - this.#startHigh) * TWO_32 + (low - this.#startLow);
  }

  /** Stores the facts about other records in a record that perf itself has written. */
  #note(record: PerfRecord, window: Window, at: number): void {
    if (record instanceof HeaderAttr) {
      this.events.add(record.attr, [...record.ids]);
      const { eventDescriptions = [] } = this.features;
      // Limited, so that hostile recordings do not take quadratic time.
      if (this.events.all.length <= eventDescriptions.length) {
        this.#nameEvents();
      }
    } else if (record instanceof EventUpdate) {
      if (record.updateType !== EVENT_UPDATE_NAME) return;
      const event = this.events.ofId(record.eventId);
      if (event) event.name = record.value;
    } else if (record instanceof HeaderFeature) {
      const start = at + EventHeader.size + FeatureBody.size;
      const end = at + record.size;
      this.readFeature(window, record.featureId, start, end);
    }
  }

  /** Names events as the feature EVENT_DESC does. */
  #nameEvents(): void {
    const { eventDescriptions = [] } = this.features;
    for (const [index, { name, ids }] of eventDescriptions.entries()) {
      const event = ids.length > 0
        ? this.events.ofId(ids[0])
        : this.events.all[index];
      if (event && name) event.name = name;
    }
  }
}
