/**
 * The feature sections of a recording: facts about the machine and the command.
 *
 * @module
 */

import type { Window } from "./bytes.ts";
import { FeatureId } from "./constants.ts";
import { PerfDataFormatError } from "./format_error.ts";
import { HeaderBuildId } from "./records.ts";
import { ATTR_SIZE_VER0, EventHeader, U64_SIZE } from "./structs.ts";

/** An event of {@linkcode Features.eventDescriptions}. */
export interface EventDescription {
  readonly name: string;
  readonly ids: readonly bigint[];
}

/** The build-id of a file. */
export interface FileBuildId {
  readonly pid: number;
  readonly buildId: Uint8Array;
  readonly filename: string;
  /** `misc` of the entry: its CPU mode distinguishes kernel from user files. */
  readonly misc: number;
}

/** One point in time, by two clocks. */
export interface ClockData {
  readonly clockid: number;
  /** Nanoseconds since 1970. */
  readonly wallClock: bigint;
  /** Nanoseconds of `clockid`. */
  readonly clock: bigint;
}

/** Facts about the machine and the recording; those that are not recorded are undefined. */
export interface Features {
  hostname?: string;
  osRelease?: string;
  /** Version of the perf that wrote the recording. */
  version?: string;
  arch?: string;
  cpus?: { readonly online: number; readonly available: number };
  cpuDescription?: string;
  /** Size of the machine's memory in bytes. */
  totalMemory?: bigint;
  /** The perf command and its arguments. */
  commandLine?: string[];
  eventDescriptions?: EventDescription[];
  buildIds?: FileBuildId[];
  /** Names of PMUs by the `type` of their events. */
  pmus?: Map<number, string>;
  /** Times of the first and last sample. */
  sampleTime?: { readonly first: bigint; readonly last: bigint };
  /** Resolution of the recording's clock in nanoseconds. */
  clockResolution?: bigint;
  clockData?: ClockData;
}

/** Unit of the memory size in a recording. */
export const KIB = 1024n;

/** The readers of the features that {@linkcode readFeature} supports. */
const READERS: Record<number, (into: Features, cursor: Cursor) => void> = {
  [FeatureId.Hostname]: (into, cursor) => into.hostname = cursor.string(),
  [FeatureId.OsRelease]: (into, cursor) => into.osRelease = cursor.string(),
  [FeatureId.Version]: (into, cursor) => into.version = cursor.string(),
  [FeatureId.Arch]: (into, cursor) => into.arch = cursor.string(),
  [FeatureId.CpuDesc]: (into, cursor) => into.cpuDescription = cursor.string(),
  [FeatureId.TotalMem](into, cursor) {
    into.totalMemory = cursor.u64() * KIB;
  },
  [FeatureId.NrCpus](into, cursor) {
    // perf (6.1 to 7.2) writes the two in the reverse of the documented order.
    const available = cursor.u32();
    into.cpus = { available, online: cursor.u32() };
  },
  [FeatureId.Cmdline](into, cursor) {
    const parts: string[] = [];
    for (let left = cursor.u32(); left > 0; left--) parts.push(cursor.string());
    into.commandLine = parts;
  },
  [FeatureId.EventDesc](into, cursor) {
    into.eventDescriptions = readEventDescriptions(cursor);
  },
  [FeatureId.BuildId](into, cursor) {
    into.buildIds = [...readBuildIds(cursor)];
  },
  [FeatureId.PmuMappings](into, cursor) {
    const pmus = new Map<number, string>();
    for (let left = cursor.u32(); left > 0; left--) {
      const type = cursor.u32();
      pmus.set(type, cursor.string());
    }
    into.pmus = pmus;
  },
  [FeatureId.SampleTime](into, cursor) {
    const first = cursor.u64();
    into.sampleTime = { first, last: cursor.u64() };
  },
  [FeatureId.Clockid]: (into, cursor) => into.clockResolution = cursor.u64(),
  [FeatureId.ClockData](into, cursor) {
    cursor.u32(); // version
    const clockid = cursor.u32() | 0;
    const wallClock = cursor.u64();
    into.clockData = { clockid, wallClock, clock: cursor.u64() };
  },
};

/** The ids of the features that are read. */
export const KNOWN_FEATURES: readonly FeatureId[] = Object.keys(READERS).map(
  Number,
);

/**
 * Reads a feature section; skips an unknown one.
 *
 * @returns The error if the section is malformed. The recording can be read without it.
 */
export function readFeature(
  into: Features,
  id: number,
  window: Window,
  start: number,
  end: number,
): PerfDataFormatError | undefined {
  try {
    READERS[id]?.(into, new Cursor(window, start, end, featureName(id)));
  } catch (error) {
    if (error instanceof PerfDataFormatError) return error;
    throw error;
  }
}

/** Returns the name of a feature, such as `"HEADER_EVENT_DESC"`. */
export function featureName(id: number): string {
  const name = FeatureId[id] ?? `${id}`;
  return `HEADER_${name.replace(/(?<=[a-z0-9])[A-Z]/g, "_$&").toUpperCase()}`;
}

/** Reads the fields of a section one after another. */
class Cursor {
  readonly window: Window;
  readonly name: string;
  readonly end: number;
  at: number;

  constructor(window: Window, start: number, end: number, name: string) {
    this.window = window;
    this.at = start;
    this.end = end;
    this.name = name;
  }

  u32(): number {
    return this.window.u32(this.take(4));
  }

  u64(): bigint {
    return this.window.u64(this.take(U64_SIZE));
  }

  /** Reads a `perf_header_string`. */
  string(): string {
    const length = this.u32();
    const start = this.take(length);
    return this.window.text(start, start + length);
  }

  /** Returns the position of the next `size` bytes, and skips them. */
  take(size: number): number {
    const start = this.at;
    const left = this.end - start;
    if (size > left) {
      this.refuse(`ends ${left} bytes after a field of ${size} bytes starts`);
    }
    this.at += size;
    return start;
  }

  refuse(problem: string): never {
    this.window.refuse(problem, this.name, "section", this.at);
  }
}

function readEventDescriptions(cursor: Cursor): EventDescription[] {
  const count = cursor.u32();
  const size = cursor.u32();
  if (size < ATTR_SIZE_VER0) {
    cursor.refuse(`has an attr_size of ${size}, below ${ATTR_SIZE_VER0}`);
  }
  const events: EventDescription[] = [];
  for (let left = count; left > 0; left--) {
    cursor.take(size);
    let idsLeft = cursor.u32();
    const name = cursor.string();
    const ids: bigint[] = [];
    for (; idsLeft > 0; idsLeft--) ids.push(cursor.u64());
    events.push({ name, ids });
  }
  return events;
}

function* readBuildIds(cursor: Cursor): Generator<FileBuildId> {
  const { window } = cursor;
  while (cursor.at < cursor.end) {
    const at = cursor.take(EventHeader.size);
    const size = window.u16(at + EventHeader.offsets.size);
    if (size < EventHeader.size) {
      cursor.refuse(`has an entry of ${size} bytes`);
    }
    cursor.take(size - EventHeader.size);
    const entry = new HeaderBuildId({ window, at, size, event: undefined });
    const { pid, buildId, filename, misc } = entry;
    yield { pid, buildId, filename, misc };
  }
}
