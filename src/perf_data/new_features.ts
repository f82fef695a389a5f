/**
 * Encoding of the feature sections of a recording.
 *
 * @module
 */

import { FeatureId } from "./constants.ts";
import { type Features, KIB } from "./features.ts";
import { BuildIdBody, EventHeader } from "./structs.ts";

/** Alignment in bytes to which perf 6.1 to 7.2 pads strings. */
const STRING_ALIGNMENT = 64;

const encoder = new TextEncoder();

/** Returns the padded size of a string with its NUL. */
const stringSize = (length: number) =>
  (length + STRING_ALIGNMENT) & ~(STRING_ALIGNMENT - 1);

/** A recorded event, for the sections and for the file's header. */
export interface NewEvent {
  readonly name: string;
  /** A `perf_event_attr`. */
  readonly attr: Uint8Array;
  readonly ids: readonly bigint[];
}

/** A feature section. */
export interface NewFeature {
  readonly id: FeatureId;
  readonly bytes: Uint8Array;
}

/** The features that can be written; see {@linkcode Features}. */
export type NewFeatures = Omit<Features, "pmus" | "eventDescriptions">;

/** Returns the sections of the defined features, in the order of their ids. */
export function packFeatures(
  features: NewFeatures,
  events: readonly NewEvent[],
): NewFeature[] {
  const { buildIds, hostname, osRelease, version, arch, cpus } = features;
  const { cpuDescription, totalMemory, commandLine, sampleTime } = features;
  const { clockResolution, clockData } = features;
  const sections: [FeatureId, Section | undefined][] = [
    [FeatureId.BuildId, buildIds && packBuildIds(buildIds)],
    [FeatureId.Hostname, strings(hostname)],
    [FeatureId.OsRelease, strings(osRelease)],
    [FeatureId.Version, strings(version)],
    [FeatureId.Arch, strings(arch)],
    // The reverse of the documented order, as in perf 6.1 to 7.2.
    [
      FeatureId.NrCpus,
      cpus && new Section().u32(cpus.available).u32(cpus.online),
    ],
    [FeatureId.CpuDesc, strings(cpuDescription)],
    [
      FeatureId.TotalMem,
      totalMemory === undefined
        ? undefined
        : new Section().u64(totalMemory / KIB),
    ],
    [
      FeatureId.Cmdline,
      commandLine && strings(...commandLine)?.before(commandLine.length),
    ],
    [
      FeatureId.EventDesc,
      events.length > 0 ? packEvents(events) : undefined,
    ],
    [
      FeatureId.SampleTime,
      sampleTime && new Section().u64(sampleTime.first).u64(sampleTime.last),
    ],
    [
      FeatureId.Clockid,
      clockResolution === undefined
        ? undefined
        : new Section().u64(clockResolution),
    ],
    [
      FeatureId.ClockData,
      clockData &&
      new Section().u32(1).u32(clockData.clockid).u64(clockData.wallClock)
        .u64(clockData.clock),
    ],
  ];
  return sections.flatMap(([id, section]) =>
    section ? [{ id, bytes: section.bytes() }] : []
  );
}

/** Builder of a section's bytes. */
class Section {
  readonly #parts: Uint8Array[] = [];

  u32(value: number): this {
    return this.raw(new Uint8Array(Uint32Array.of(value).buffer));
  }

  u64(value: bigint): this {
    return this.raw(new Uint8Array(BigUint64Array.of(value).buffer));
  }

  /** Adds a `perf_header_string`: its padded size, then the bytes. */
  string(text: string): this {
    const bytes = encoder.encode(text);
    const padded = new Uint8Array(stringSize(bytes.length));
    padded.set(bytes);
    return this.u32(padded.length).raw(padded);
  }

  raw(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    return this;
  }

  /** Inserts a number before the bytes added so far. */
  before(value: number): this {
    this.#parts.unshift(new Uint8Array(Uint32Array.of(value).buffer));
    return this;
  }

  bytes(): Uint8Array {
    const size = this.#parts.reduce((sum, { length }) => sum + length, 0);
    const bytes = new Uint8Array(size);
    let at = 0;
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }
}

/** Returns a section of strings; undefined if one is undefined. */
function strings(...texts: (string | undefined)[]): Section | undefined {
  const section = new Section();
  for (const text of texts) {
    if (text === undefined) return undefined;
    section.string(text);
  }
  return section;
}

function packEvents(events: readonly NewEvent[]): Section {
  const section = new Section().u32(events.length)
    .u32(events[0].attr.length);
  for (const { name, attr, ids } of events) {
    section.raw(attr).u32(ids.length).string(name);
    for (const id of ids) section.u64(id);
  }
  return section;
}

function packBuildIds(buildIds: NonNullable<Features["buildIds"]>): Section {
  const section = new Section();
  for (const { pid, buildId, filename, misc } of buildIds) {
    const name = encoder.encode(filename);
    const named = EventHeader.size + BuildIdBody.size;
    const bytes = new Uint8Array(named + stringSize(name.length));
    EventHeader.pack({ type: 0, misc, size: bytes.length }, bytes);
    const view = new DataView(new ArrayBuffer(20));
    new Uint8Array(view.buffer).set(buildId.subarray(0, 20));
    BuildIdBody.pack({
      pid: pid >>> 0,
      buildId0: view.getBigUint64(0, true),
      buildId1: view.getBigUint64(8, true),
      buildId2: view.getUint32(16, true),
      size: Math.min(buildId.length, 20),
      reserved1: 0,
      reserved2: 0,
    }, bytes.subarray(EventHeader.size));
    bytes.set(name, named);
    section.raw(bytes);
  }
  return section;
}
