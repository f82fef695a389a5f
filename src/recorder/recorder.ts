/**
 * A running recording: moves records from the ring buffers to the file.
 *
 * @module
 */

import type { Libc } from "../../ffi/libc.ts";
import { readAttr } from "../perf_data/attr.ts";
import { Window } from "../perf_data/bytes.ts";
import { type NewFeatures, packFeatures } from "../perf_data/new_features.ts";
import {
  featureRecord,
  finishedRound,
  NewRecords,
} from "../perf_data/new_records.ts";
import {
  PerfDataWriter,
  type WritableFile,
} from "../perf_data/perf_data_writer.ts";
import { SampleLayout } from "../perf_data/sample_layout.ts";
import type { RecordedEvent } from "./event.ts";
import { EventSet, type Target } from "./event_set.ts";
import { RecordScan, type ScanEvents } from "./record_scan.ts";
import { RingCopy } from "./ring.ts";
import {
  kernelCode,
  type KernelStart,
  kernelStart,
  moduleCode,
  provisionalCode,
} from "./kernel_code.ts";
import {
  mappedCode,
  processIds,
  threadIds,
  threadName,
} from "./running_processes.ts";
import type { SampleSettings } from "./sample_settings.ts";

/** Size of a ring buffer that the kernel grants each user (516 KiB with its page, Linux 6.1). */
const RING_SIZE = 512 * 1024;

/** Maximum size of a ring buffer, for copies of the stack. */
const LARGEST_RING = 16 * 1024 * 1024;

/** Assumed size of a sample without the copy of the stack: that of half the longest chain. */
const SAMPLE_SIZE = 640;

/** Maximum and minimum time between two drains of the ring buffers, in milliseconds. */
const LONGEST_PAUSE = 50;
const SHORTEST_PAUSE = 5;

/** Options of a {@linkcode Recorder}. */
export interface RecorderOptions extends ScanEvents {
  readonly events: readonly RecordedEvent[];
  readonly settings: SampleSettings;
  readonly target: Target;
  /** Features for readers of an unfinished recording. */
  readonly features: NewFeatures;
}

/** Totals of a recording. */
export interface Totals {
  readonly samples: number;
  /** Number of records for which the kernel had no space. */
  readonly lost: number;
}

/** Records into a file. */
export class Recorder {
  readonly #set: EventSet;
  readonly #writer: PerfDataWriter;
  readonly #copy: RingCopy;
  readonly #scan: RecordScan;
  readonly #round = finishedRound();
  readonly #records: NewRecords;
  /** Start of the kernel's code, and position of its record, which is completed at the end. */
  #kernel?: { readonly from: KernelStart; readonly at: number };
  /** Milliseconds between two drains of the ring buffers. */
  readonly #pause: number;
  /** Notes on the differences from the requested recording. */
  readonly notes: readonly string[];

  /**
   * Opens the events and writes the header. Children are recorded from their exec on, running
   * processes at once.
   *
   * @param file An empty file; the caller closes it.
   * @throws {Refusal} If the kernel refuses.
   */
  constructor(libc: Libc, file: WritableFile, options: RecorderOptions) {
    const { events, settings, target } = options;
    const bytesPerSecond = settings.frequency *
      (SAMPLE_SIZE + (settings.callGraph === "dwarf" ? settings.stackSize : 0));
    const wanted = ringSizeFor(bytesPerSecond);
    this.#set = EventSet.open(libc, events, settings, target, wanted);
    try {
      const { ringSize } = this.#set;
      this.#pause = pauseFor(ringSize, bytesPerSecond);
      this.notes = notesOn(this.#set, wanted);
      this.#copy = new RingCopy(libc, ringSize);
      const [{ attr }] = this.#set.events;
      const window = new Window(attr, true, 0);
      const layout = new SampleLayout(readAttr(window, 0, attr.length));
      this.#scan = new RecordScan(layout, options);
      this.#writer = new PerfDataWriter(file, this.#set.events);
      for (const feature of packFeatures(options.features, [])) {
        this.#writer.write(featureRecord(feature));
      }
      if (target.kind !== "children") this.#set.enable();
      this.#records = new NewRecords(layout.trailerSize);
      this.#writeRunning(target, this.#records);
    } catch (error) {
      this.#set.close();
      throw error;
    }
  }

  /** The names of the recorded events. */
  get events(): string[] {
    return this.#set.events.map(({ name }) => name);
  }

  /** Totals so far. */
  get totals(): Totals {
    const { samples, lost } = this.#scan;
    return { samples, lost };
  }

  /** Writes the contents of the ring buffers to the file. */
  drain(): void {
    if (!this.#emptyRings()) return;
    this.#writer.write(this.#round);
    this.#writer.commit();
  }

  /** Moves the contents of the ring buffers to the file; returns whether there were any. */
  #emptyRings(): boolean {
    const { bytes } = this.#copy;
    let isEmpty = true;
    for (const ring of this.#set.rings) {
      const size = ring.drain(this.#copy);
      if (size === 0) continue;
      isEmpty = false;
      this.#writer.write(bytes.subarray(0, size));
      this.#scan.scan(bytes, size);
    }
    return !isEmpty;
  }

  /** Drains the ring buffers until `end` is settled; calls `onRound` after each drain. */
  async run(end: Promise<unknown>, onRound: () => void): Promise<void> {
    let isOver = false;
    const settled = end.finally(() => isOver = true);
    while (!isOver) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, this.#pause);
      await Promise.race([settled, promise]);
      clearTimeout(timer);
      this.drain();
      onRound();
    }
    this.#set.disable();
    this.drain();
  }

  /** Completes the file. */
  finish(features: NewFeatures): void {
    const code = this.#kernel && kernelCode(this.#kernel.from);
    if (this.#kernel && code) {
      this.#writer.replace(this.#kernel.at, this.#records.kernel(code));
    }
    const { first, last, samples } = this.#scan;
    const sampleTime = samples > 0 ? { first, last } : undefined;
    this.#writer.finish({ ...features, sampleTime });
  }

  /** Stops and closes the events. */
  close(): void {
    this.#set.close();
  }

  /** Writes records of the code and processes that existed before the recording. */
  #writeRunning(target: Target, records: NewRecords): void {
    if (!this.#set.leavesOutKernel) {
      const from = kernelStart();
      if (from) {
        this.#kernel = { from, at: this.#writer.end };
        this.#writer.write(records.kernel(provisionalCode(from)));
      }
      for (const code of moduleCode()) {
        this.#writer.write(records.kernel(code));
      }
    }
    const pids = target.kind === "process"
      ? [target.pid]
      : target.kind === "all"
      ? processIds()
      : [];
    for (const pid of pids) {
      for (const tid of threadIds(pid)) {
        const name = threadName(pid, tid);
        if (name !== undefined) {
          this.#writer.write(records.comm(pid, tid, name));
        }
      }
      for (const mapping of mappedCode(pid)) {
        const record = records.mapping(mapping);
        this.#writer.write(record);
        this.#scan.scan(record, record.length);
      }
      // Samples wait in the file's first round until all processes are described.
      this.#emptyRings();
    }
  }
}

/** Returns a power of two that holds the data of a quarter of a second, within limits. */
function ringSizeFor(bytesPerSecond: number): number {
  let size = RING_SIZE;
  while (size < bytesPerSecond / 4 && size < LARGEST_RING) size *= 2;
  return size;
}

/** Returns the time in which a ring buffer is filled by a quarter, within limits. */
function pauseFor(ringSize: number, bytesPerSecond: number): number {
  const pause = 1000 * ringSize / bytesPerSecond / 4;
  return Math.max(SHORTEST_PAUSE, Math.min(LONGEST_PAUSE, pause));
}

function notesOn(
  { leavesOutKernel, missesThreads, ringSize }: EventSet,
  wanted: number,
): string[] {
  const notes: string[] = [];
  if (leavesOutKernel) {
    notes.push(
      "this user may not record the kernel, so its time is missing: " +
        "run sudo sysctl kernel.perf_event_paranoid=1 to allow it",
    );
  }
  if (missesThreads) {
    notes.push(
      "threads were created while the recording started: some may be missing or counted twice",
    );
  }
  if (ringSize < wanted) {
    notes.push(
      `the limit of locked memory is too low: each CPU has ${
        ringSize / 1024
      } KiB ` +
        `instead of ${
          wanted / 1024
        } KiB for samples, and samples may be lost: ` +
        "run sudo sysctl kernel.perf_event_mlock_kb=65536 to raise it",
    );
  }
  return notes;
}
