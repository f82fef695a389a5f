/**
 * The events of a recording, and the assignment of records to them.
 *
 * @module
 */

import type { PerfEventAttr } from "./attr.ts";
import type { Window } from "./bytes.ts";
import { eventName } from "./event_name.ts";
import { ABSENT, SampleLayout } from "./sample_layout.ts";

/** Upper 32 bits from which an id is a bigint as a key; lower ids are numbers. */
const SAFE_HIGH = 0x20_0000;

/** An event that has been recorded. */
export class PerfEvent {
  /** Position among the recording's events, from 0. */
  readonly index: number;
  readonly attr: PerfEventAttr;
  /** Ids that the kernel has assigned to the event, one for each CPU or thread. */
  readonly ids: readonly bigint[];
  /** The layout of its samples. */
  readonly layout: SampleLayout;
  /** The event's name in perf; derived from type and config if none is recorded. */
  name: string;

  /** Creates an event, as {@linkcode EventTable} does. */
  constructor(index: number, attr: PerfEventAttr, ids: readonly bigint[]) {
    this.index = index;
    this.attr = attr;
    this.ids = ids;
    this.layout = new SampleLayout(attr);
    this.name = eventName(attr.type, attr.config);
  }
}

/** The events of a recording. Events of a pipe are added while it is read. */
export class EventTable {
  readonly #events: PerfEvent[] = [];
  readonly #byId = new Map<number | bigint, PerfEvent>();
  /** Offset of the id in all samples, and in all sample_ids. */
  #sampleId = ABSENT;
  #trailerId = ABSENT;

  /** All events, in the order of the recording. */
  get all(): readonly PerfEvent[] {
    return this.#events;
  }

  /** Adds an event with its ids. */
  add(attr: PerfEventAttr, ids: readonly bigint[]): PerfEvent {
    const event = new PerfEvent(this.#events.length, attr, ids);
    this.#events.push(event);
    for (const id of ids) this.#byId.set(keyOf(id), event);
    if (event.index === 0) {
      const { fixed, trailer } = event.layout;
      this.#sampleId = pick(fixed.identifier, fixed.id);
      this.#trailerId = pick(trailer.identifier, trailer.id);
    }
    return event;
  }

  /** Returns the event with an id. */
  ofId(id: bigint): PerfEvent | undefined {
    return this.#byId.get(keyOf(id));
  }

  /**
   * Returns the event of a sample; undefined if no event has the sample's id. If the recording
   * has only one event, the id is not checked, as in perf 6.1.
   */
  ofSample(window: Window, at: number, size: number): PerfEvent | undefined {
    const events = this.#events;
    if (events.length === 1 || this.#sampleId === ABSENT) return events[0];
    if (this.#sampleId + 8 > size) return undefined;
    return this.#lookUp(window, at + this.#sampleId);
  }

  /**
   * Returns the event that determines the layout of a record's sample_id. Records that perf
   * (6.1) synthesizes have the id 0 and the first event's layout.
   */
  ofTrailer(window: Window, end: number, size: number): PerfEvent | undefined {
    const events = this.#events;
    if (events.length < 2 || this.#trailerId === ABSENT) return events[0];
    if (size + this.#trailerId < 0) return events[0];
    return this.#lookUp(window, end + this.#trailerId) ?? events[0];
  }

  #lookUp(window: Window, at: number): PerfEvent | undefined {
    const high = window.high(at);
    return this.#byId.get(
      high < SAFE_HIGH ? window.number(at) : window.u64(at),
    );
  }
}

const pick = (first: number, second: number) =>
  first === ABSENT ? second : first;

const keyOf = (id: bigint) => id >> 32n < SAFE_HIGH ? Number(id) : id;
