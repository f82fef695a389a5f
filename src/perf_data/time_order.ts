/**
 * Ordering of records by time.
 *
 * @module
 */

import type { PerfRecord } from "./record.ts";

/**
 * Maximum memory of waiting records in bytes. perf (6.1) empties the ring buffers of all
 * CPUs, of 512 KiB each, in each round, most of them long before they are full. Recordings
 * with larger ring buffers, or without rounds, would need more memory; then the earlier half
 * is released, as perf 6.1 does beyond its option report.queue-size.
 */
const CAPACITY = 64 * 1024 * 1024;

/** Memory overhead of a waiting record in bytes. */
const OVERHEAD = 100;

/**
 * Orders records by time. Records with equal times keep their order; those without a time
 * are released at once.
 */
export class TimeOrder {
  #waiting: PerfRecord[] = [];
  #isSorted = true;
  #last = -Infinity;
  #bytes = 0;
  /** The latest time, and the latest time at the end of the last round. */
  #latest = -Infinity;
  #roundLatest = -Infinity;
  /** The latest time that has been released. */
  #released = -Infinity;
  #misplaced = 0;
  readonly #capacity: number;

  /** Creates an empty order; `capacity` is in bytes. */
  constructor(capacity = CAPACITY) {
    this.#capacity = capacity;
  }

  /** Number of records added after a later record had been released. */
  get misplaced(): number {
    return this.#misplaced;
  }

  /** Adds a record. Records that need not wait any longer are appended to `out`. */
  add(record: PerfRecord, out: PerfRecord[]): void {
    const { time } = record;
    if (time === -Infinity) {
      out.push(record);
      return;
    }
    if (time < this.#last) this.#isSorted = false;
    if (time > this.#latest) this.#latest = time;
    if (time < this.#released) this.#misplaced++;
    this.#last = time;
    this.#waiting.push(record);
    this.#bytes += record.size + OVERHEAD;
    if (this.#bytes <= this.#capacity) return;
    this.#sort();
    this.#release(this.#waiting.length >> 1, out);
  }

  /**
   * Ends a round. Records that follow are not earlier than the latest one of the round
   * before, so those up to that time are appended to `out`.
   */
  endRound(out: PerfRecord[]): void {
    this.releaseUntil(this.#roundLatest, out);
    this.#roundLatest = this.#latest;
  }

  /** Releases all records up to a time. */
  releaseUntil(time: number, out: PerfRecord[]): void {
    this.#sort();
    const waiting = this.#waiting;
    let count = 0;
    for (let end = waiting.length; count < end;) {
      const middle = (count + end) >> 1;
      if (waiting[middle].time <= time) count = middle + 1;
      else end = middle;
    }
    this.#release(count, out);
  }

  /** Releases all records. */
  releaseAll(out: PerfRecord[]): void {
    this.#sort();
    this.#release(this.#waiting.length, out);
  }

  #sort(): void {
    if (this.#isSorted) return;
    this.#waiting.sort((a, b) => a.time - b.time);
    this.#isSorted = true;
    this.#last = this.#waiting[this.#waiting.length - 1].time;
  }

  /** Releases the first records, which are sorted. */
  #release(count: number, out: PerfRecord[]): void {
    if (count === 0) return;
    const waiting = this.#waiting;
    for (let i = 0; i < count; i++) {
      const record = waiting[i];
      this.#bytes -= record.size + OVERHEAD;
      out.push(record);
    }
    this.#released = Math.max(this.#released, waiting[count - 1].time);
    this.#waiting = waiting.slice(count);
    if (count === waiting.length) this.#last = -Infinity;
  }
}
