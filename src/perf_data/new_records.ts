/**
 * Encoding of records that perf writes, not the kernel: about the state before the recording,
 * and about the order of time.
 *
 * @module
 */

import { CpuMode, Misc, PerfRecordType } from "./constants.ts";
import type { NewFeature } from "./new_features.ts";
import {
  CommBody,
  EventHeader,
  FeatureBody,
  Mmap2Body,
  MmapBody,
} from "./structs.ts";

const encoder = new TextEncoder();

/** Maximum length of a path in a record; longer ones are truncated. */
const PATH_LIMIT = 4095;

/** A mapping of a running process. */
export interface RunningMapping {
  readonly pid: number;
  readonly start: bigint;
  readonly size: bigint;
  readonly pageOffset: bigint;
  readonly major: number;
  readonly minor: number;
  readonly inode: bigint;
  /** `PROT_…`. */
  readonly protection: number;
  /** `MAP_…`. */
  readonly flags: number;
  readonly path: string;
}

/** Code of the kernel, or of one of its modules. */
export interface KernelMapping {
  readonly start: bigint;
  readonly size: bigint;
  /** perf's name: `[kernel.kallsyms]` and the symbol at `start`, or `[MODULE]`. */
  readonly file: string;
}

/** Encodes records. They end in a sample_id of zeros, as perf's do. */
export class NewRecords {
  readonly #trailerSize: number;

  /** @param trailerSize Size of a sample_id in the recording. */
  constructor(trailerSize: number) {
    this.#trailerSize = trailerSize;
  }

  /** Returns an MMAP2. */
  mapping(mapping: RunningMapping): Uint8Array<ArrayBuffer> {
    const body = Mmap2Body.pack({
      pid: mapping.pid,
      tid: mapping.pid,
      start: mapping.start,
      len: mapping.size,
      pgoff: mapping.pageOffset,
      maj: mapping.major,
      min: mapping.minor,
      ino: mapping.inode,
      inoGeneration: 0n,
      prot: mapping.protection,
      flags: mapping.flags,
    });
    return this.#record(
      PerfRecordType.Mmap2,
      CpuMode.User,
      body,
      encoder.encode(mapping.path).subarray(0, PATH_LIMIT),
    );
  }

  /** Returns the MMAP of the kernel or of a module, from which perf finds its symbols. */
  kernel({ start, size, file }: KernelMapping): Uint8Array<ArrayBuffer> {
    const body = MmapBody.pack({
      pid: 0xffff_ffff,
      tid: 0,
      start,
      len: size,
      // As perf 6.1 to 7.2 record it.
      pgoff: file.startsWith("[kernel.kallsyms]") ? start : 0n,
    });
    const name = encoder.encode(file);
    return this.#record(PerfRecordType.Mmap, CpuMode.Kernel, body, name);
  }

  /** Returns a COMM: the name of a thread. */
  comm(pid: number, tid: number, name: string): Uint8Array<ArrayBuffer> {
    const body = CommBody.pack({ pid, tid });
    return this.#record(PerfRecordType.Comm, 0, body, encoder.encode(name));
  }

  #record(
    type: PerfRecordType,
    misc: number,
    body: Uint8Array,
    name: Uint8Array,
  ): Uint8Array<ArrayBuffer> {
    // A NUL, and padding to a multiple of 8.
    const nameSize = (name.length + 8) & ~7;
    const named = EventHeader.size + body.length;
    const size = named + nameSize + this.#trailerSize;
    const bytes = new Uint8Array(size);
    EventHeader.pack({ type, misc, size }, bytes);
    bytes.set(body, EventHeader.size);
    bytes.set(name, named);
    return bytes;
  }
}

/** Returns a FINISHED_ROUND; see {@linkcode TimeOrder.endRound}. */
export function finishedRound(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(EventHeader.size);
  EventHeader.pack({
    type: PerfRecordType.FinishedRound,
    misc: 0,
    size: EventHeader.size,
  }, bytes);
  return bytes;
}

/**
 * Returns a FEATURE: a feature section among the records, as in recordings to a pipe. An
 * unfinished file has no other feature sections.
 */
export function featureRecord(
  { id, bytes: section }: NewFeature,
): Uint8Array<ArrayBuffer> {
  const start = EventHeader.size + FeatureBody.size;
  const size = start + ((section.length + 7) & ~7);
  const bytes = new Uint8Array(size);
  EventHeader.pack(
    { type: PerfRecordType.HeaderFeature, misc: 0, size },
    bytes,
  );
  FeatureBody.pack({ featId: BigInt(id) }, bytes.subarray(EventHeader.size));
  bytes.set(section, start);
  return bytes;
}

/** `misc` of the build-id of a file that runs in user mode. */
export const USER_BUILD_ID_MISC = CpuMode.User | Misc.BUILD_ID_SIZE;
