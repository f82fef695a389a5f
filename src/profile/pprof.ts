/**
 * A profile for pprof; the messages and their fields are those of its profile.proto.
 *
 * @module
 */

import { type FrameSymbol, functionKey } from "./frame_symbol.ts";
import type { Profile } from "./profile.ts";
import { ProtobufMessage } from "./protobuf.ts";
import type { Thread } from "./sample_table.ts";
import { isTime } from "./unit.ts";

/** Fields of `Profile`. */
const SAMPLE_TYPE = 1;
const SAMPLE = 2;
const MAPPING = 3;
const LOCATION = 4;
const FUNCTION = 5;
const STRING_TABLE = 6;
const TIME_NANOS = 9;
const DURATION_NANOS = 10;
const PERIOD_TYPE = 11;
const PERIOD = 12;
const COMMENT = 13;

/** Returns a profile for pprof, compressed with gzip. */
export async function toPprof(profile: Profile): Promise<Uint8Array> {
  const { bytes } = new PprofBuilder(profile).message;
  const compressed = new Blob([bytes]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(compressed).arrayBuffer());
}

/** Ids of values, counted from 1 in the order of their first use. */
class Numbers {
  readonly #numbers = new Map<string, number>();

  /** Returns the id of a value; passes the id of a new value to `add`. */
  of(key: string, add: (number: number) => void): number {
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#numbers.size + 1;
      this.#numbers.set(key, number);
      add(number);
    }
    return number;
  }
}

/** The samples of one chain and thread. */
interface Sum {
  readonly node: number;
  readonly thread: Thread;
  samples: number;
  weight: number;
}

class PprofBuilder {
  readonly message = new ProtobufMessage();
  readonly #profile: Profile;
  readonly #strings = new Map<string, number>([["", 0]]);
  readonly #functions = new Numbers();
  readonly #mappings = new Numbers();

  constructor(profile: Profile) {
    this.#profile = profile;
    const { event, samples, weight, timeline, recording } = profile;
    const { message } = this;
    const unit = isTime(event)
      ? this.#valueType("cpu", "nanoseconds")
      : this.#valueType(event, "count");
    message.message(SAMPLE_TYPE, this.#valueType("samples", "count"))
      .message(SAMPLE_TYPE, unit);
    // pprof shows the first mapping as the profile's file.
    const [first] = timeline.threads;
    if (first !== undefined) this.#mappingOf(first.processName);
    for (const [frame, symbol] of profile.symbols.entries()) {
      this.#addLocation(frame, symbol);
    }
    for (const sum of this.#sums()) this.#addSample(sum);
    const { startDate, command } = recording;
    const { length, time } = timeline;
    if (length > 0) {
      if (startDate !== undefined) {
        const start = Math.round(1e6 * startDate + time[0]);
        message.integer(TIME_NANOS, BigInt(start));
      }
      message.integer(DURATION_NANOS, Math.round(time[length - 1] - time[0]));
    }
    message.message(PERIOD_TYPE, unit)
      .integer(PERIOD, Math.round(weight / samples));
    if (command) {
      message.integer(COMMENT, this.#string(command.join(" ")));
    }
    for (const text of this.#strings.keys()) message.text(STRING_TABLE, text);
  }

  #string(text: string): number {
    let index = this.#strings.get(text);
    if (index === undefined) {
      this.#strings.set(text, index = this.#strings.size);
    }
    return index;
  }

  #valueType(type: string, unit: string): ProtobufMessage {
    return new ProtobufMessage().integer(1, this.#string(type))
      .integer(2, this.#string(unit));
  }

  /** Adds a frame. Its id is its index plus 1, because 0 means none. */
  #addLocation(frame: number, symbol: FrameSymbol): void {
    const line = new ProtobufMessage().integer(1, this.#functionOf(symbol))
      .integer(2, symbol.source?.line ?? 0);
    const location = new ProtobufMessage().integer(1, frame + 1)
      .integer(2, this.#mappingOf(symbol.dso))
      .message(4, line);
    this.message.message(LOCATION, location);
  }

  /**
   * Returns the id of a function in a file, because inlined lines can be of other files. pprof
   * sums functions with the same name. `system_name` is empty, because pprof would demangle it.
   */
  #functionOf(symbol: FrameSymbol): number {
    const file = symbol.source?.file ?? "";
    return this.#functions.of(`${functionKey(symbol)}\0${file}`, (id) => {
      const fn = new ProtobufMessage().integer(1, id)
        .integer(2, this.#string(symbol.name))
        .integer(4, this.#string(file));
      this.message.message(FUNCTION, fn);
    });
  }

  /** Returns the id of a code file's mapping, marked as symbolized; 0 if there is no file. */
  #mappingOf(dso: string): number {
    if (dso === "") return 0;
    return this.#mappings.of(dso, (id) => {
      const mapping = new ProtobufMessage().integer(1, id)
        .integer(5, this.#string(dso))
        .integer(7, 1).integer(8, 1).integer(9, 1);
      this.message.message(MAPPING, mapping);
    });
  }

  /** Sums the samples of each chain and thread. */
  #sums(): Iterable<Sum> {
    const { timeline, tree } = this.#profile;
    const sums = new Map<number, Sum>();
    for (let i = 0; i < timeline.length; i++) {
      const node = timeline.node[i];
      const key = timeline.thread[i] * tree.size + node;
      let sum = sums.get(key);
      if (sum === undefined) {
        const thread = timeline.threads[timeline.thread[i]];
        sums.set(key, sum = { node, thread, samples: 0, weight: 0 });
      }
      sum.samples++;
      sum.weight += timeline.weight[i];
    }
    return sums.values();
  }

  #addSample({ node, thread, samples, weight }: Sum): void {
    const [, ...frames] = this.#profile.tree.chainOf(node);
    const { pid, tid, name, processName } = thread;
    const sample = new ProtobufMessage()
      .integers(1, frames.reverse().map((frame) => frame + 1))
      .integers(2, [samples, weight])
      .message(3, this.#label("process", `${processName} ${pid}`))
      .message(3, this.#label("thread", `${name} ${tid}`));
    this.message.message(SAMPLE, sample);
  }

  #label(key: string, text: string): ProtobufMessage {
    return new ProtobufMessage().integer(1, this.#string(key))
      .integer(2, this.#string(text));
  }
}
