/**
 * The records of a recording other than samples.
 *
 * @module
 */

import { attrSize, type PerfEventAttr, readAttr } from "./attr.ts";
import { U64Array } from "./bytes.ts";
import { Misc, PerfRecordType } from "./constants.ts";
import { PerfRecord, type RawRecord } from "./record.ts";
import {
  ATTR_SIZE_VER0,
  AuxtraceBody,
  BUILD_ID_SIZE_MAX,
  BuildIdBody,
  CallchainDeferredBody,
  CommBody,
  EventAttr,
  EventHeader,
  EventUpdateBody,
  FeatureBody,
  IdIndexBody,
  IdIndexEntry,
  KsymbolBody,
  LostBody,
  LostSamplesBody,
  Mmap2Body,
  Mmap2BuildId,
  MmapBody,
  NamespaceLink,
  NamespacesBody,
  SwitchCpuWideBody,
  TaskBody,
  ThrottleBody,
  TimeConvBody,
  TracingDataBody,
  U64_SIZE,
} from "./structs.ts";

/** Offset of the fields: after the header of the record. */
const BODY = EventHeader.size;

/** A record whose fixed part is a struct. */
abstract class BodyRecord extends PerfRecord {
  constructor(raw: RawRecord, bodySize: number) {
    super(raw);
    this.requireSize(BODY + bodySize);
  }

  protected u16(offset: number): number {
    return this.window.u16(this.at + BODY + offset);
  }

  protected u32(offset: number): number {
    return this.window.u32(this.at + BODY + offset);
  }

  protected u64(offset: number): bigint {
    return this.window.u64(this.at + BODY + offset);
  }

  protected number(offset: number): number {
    return this.window.number(this.at + BODY + offset);
  }

  /** Returns the text from `offset` to its NUL. */
  protected text(offset: number): string {
    return this.window.text(this.at + BODY + offset, this.at + this.bodyEnd);
  }
}

/** A record about a thread. */
abstract class ThreadRecord extends BodyRecord {
  /** The process; −1 for the kernel in records that perf synthesizes. */
  get pid(): number {
    return this.u32(CommBody.offsets.pid) | 0;
  }

  /** The thread. */
  get tid(): number {
    return this.u32(CommBody.offsets.tid) | 0;
  }
}

/** PERF_RECORD_MMAP and MMAP2: a mapping of a process or of the kernel. */
export class Mmap extends ThreadRecord {
  constructor(raw: RawRecord, body = MmapBody.size) {
    super(raw, body);
  }

  /** The first address. */
  get start(): bigint {
    return this.u64(MmapBody.offsets.start);
  }

  /** Number of bytes. */
  get length(): bigint {
    return this.u64(MmapBody.offsets.len);
  }

  /** Position in the mapped file of the first byte. */
  get pageOffset(): bigint {
    return this.u64(MmapBody.offsets.pgoff);
  }

  /** The mapped file, or a name such as `"//anon"`, `"[vdso]"`, `"[kernel.kallsyms]_text"`. */
  get filename(): string {
    return this.text(MmapBody.size);
  }

  /** True if the mapping is of data, not of code. */
  get isData(): boolean {
    return (this.misc & Misc.MMAP_DATA) !== 0;
  }
}

const MMAP2 = Mmap2Body.offsets;
const BUILD_ID = Mmap2BuildId.offsets;

/** PERF_RECORD_MMAP2: a mapping, with the file's device and inode or its build-id. */
export class Mmap2 extends Mmap {
  constructor(raw: RawRecord) {
    super(raw, Mmap2Body.size);
    const size = this.#buildIdSize;
    if (size > BUILD_ID_SIZE_MAX) {
      this.refuse(
        `is ${size}, but the record has space for ${BUILD_ID_SIZE_MAX}`,
        "build_id_size",
        BODY + MMAP2.maj + BUILD_ID.buildIdSize,
      );
    }
  }

  /** The device's major and minor number and the inode; undefined if a build-id is recorded. */
  get file(): { major: number; minor: number; inode: bigint } | undefined {
    if (this.#hasBuildId) return undefined;
    return {
      major: this.u32(MMAP2.maj),
      minor: this.u32(MMAP2.min),
      inode: this.u64(MMAP2.ino),
    };
  }

  /** The file's build-id; undefined if device and inode are recorded. */
  get buildId(): Uint8Array | undefined {
    if (!this.#hasBuildId) return undefined;
    const start = BODY + MMAP2.maj + Mmap2BuildId.size;
    return this.slice(start, start + this.#buildIdSize);
  }

  /** `PROT_…`: 1 to read, 2 to write, 4 to execute. */
  get protection(): number {
    return this.u32(MMAP2.prot);
  }

  /** `MAP_…`: 1 shared, 2 private. */
  get flags(): number {
    return this.u32(MMAP2.flags);
  }

  override get filename(): string {
    return this.text(Mmap2Body.size);
  }

  get #hasBuildId(): boolean {
    return (this.misc & Misc.MMAP_BUILD_ID) !== 0;
  }

  get #buildIdSize(): number {
    if (!this.#hasBuildId) return 0;
    const at = this.at + BODY + MMAP2.maj + BUILD_ID.buildIdSize;
    return this.window.u8(at);
  }
}

/** PERF_RECORD_COMM: the name of a thread. */
export class Comm extends ThreadRecord {
  constructor(raw: RawRecord) {
    super(raw, CommBody.size);
  }

  /** The name, up to 15 bytes. */
  get comm(): string {
    return this.text(CommBody.size);
  }

  /** True if the thread's process has called exec. */
  get isExec(): boolean {
    return (this.misc & Misc.COMM_EXEC) !== 0;
  }
}

const TASK = TaskBody.offsets;

/** PERF_RECORD_FORK and EXIT: the start or end of a thread. */
abstract class Task extends BodyRecord {
  constructor(raw: RawRecord) {
    super(raw, TaskBody.size);
  }

  /** The thread's process. */
  get pid(): number {
    return this.u32(TASK.pid) | 0;
  }

  /** The thread. */
  get tid(): number {
    return this.u32(TASK.tid) | 0;
  }

  /** The process of the parent thread. */
  get parentPid(): number {
    return this.u32(TASK.ppid) | 0;
  }

  /** The parent thread. */
  get parentTid(): number {
    return this.u32(TASK.ptid) | 0;
  }
}

/** PERF_RECORD_FORK: the start of a process, or of a thread if `pid` is `parentPid`. */
export class Fork extends Task {}

/** PERF_RECORD_EXIT: the end of a thread. */
export class Exit extends Task {}

/** PERF_RECORD_LOST: records that were lost because the ring buffer was full. */
export class Lost extends BodyRecord {
  constructor(raw: RawRecord) {
    super(raw, LostBody.size);
  }

  /** Number of records that are missing. */
  get lost(): bigint {
    return this.u64(LostBody.offsets.lost);
  }
}

/** PERF_RECORD_LOST_SAMPLES: samples that the hardware or kernel has dropped. */
export class LostSamples extends BodyRecord {
  constructor(raw: RawRecord) {
    super(raw, LostSamplesBody.size);
  }

  /** Number of samples that are missing. */
  get lost(): bigint {
    return this.u64(LostSamplesBody.offsets.lost);
  }
}

/** PERF_RECORD_THROTTLE and UNTHROTTLE: sampling took too long, and was suspended for a time. */
export class Throttle extends BodyRecord {
  constructor(raw: RawRecord) {
    super(raw, ThrottleBody.size);
  }

  /** True if sampling is suspended here, false if it is resumed. */
  get isThrottled(): boolean {
    return this.type === PerfRecordType.Throttle;
  }
}

/** PERF_RECORD_SWITCH and SWITCH_CPU_WIDE: a context switch of a thread. */
export class Switch extends PerfRecord {
  /** True if the thread stops running, false if it starts. */
  get isOut(): boolean {
    return (this.misc & Misc.SWITCH_OUT) !== 0;
  }

  /** The thread. */
  get tid(): number {
    const at = this.identityAt("tid");
    return at < 0 ? -1 : this.window.u32(at + 4) | 0;
  }
}

/** PERF_RECORD_SWITCH_CPU_WIDE: a context switch, with the other thread. */
export class SwitchCpuWide extends Switch {
  constructor(raw: RawRecord) {
    super(raw);
    this.requireSize(BODY + SwitchCpuWideBody.size);
  }

  /** The thread that runs next, or that ran before. */
  get otherTid(): number {
    const { nextPrevTid } = SwitchCpuWideBody.offsets;
    return this.window.u32(this.at + BODY + nextPrevTid) | 0;
  }
}

/** PERF_RECORD_NAMESPACES: the namespaces of a thread. */
export class Namespaces extends ThreadRecord {
  constructor(raw: RawRecord) {
    super(raw, NamespacesBody.size);
    this.requireElements(
      this.number(NamespacesBody.offsets.nrNamespaces),
      NamespaceLink.size,
      BODY + NamespacesBody.size,
      "nr_namespaces",
      BODY + NamespacesBody.offsets.nrNamespaces,
    );
  }

  /** Device and inode of each, in the order net, uts, ipc, pid, user, mnt, cgroup. */
  get namespaces(): { device: bigint; inode: bigint }[] {
    const length = this.number(NamespacesBody.offsets.nrNamespaces);
    return Array.from({ length }, (_, index) => {
      const at = NamespacesBody.size + index * NamespaceLink.size;
      const { dev, ino } = NamespaceLink.offsets;
      return { device: this.u64(at + dev), inode: this.u64(at + ino) };
    });
  }
}

/** PERF_RECORD_KSYMBOL: a function that the kernel has created or removed. */
export class Ksymbol extends BodyRecord {
  constructor(raw: RawRecord) {
    super(raw, KsymbolBody.size);
  }

  /** The first address. */
  get address(): bigint {
    return this.u64(KsymbolBody.offsets.addr);
  }

  /** Number of bytes. */
  get length(): number {
    return this.u32(KsymbolBody.offsets.len);
  }

  /** The function's name. */
  get symbol(): string {
    return this.text(KsymbolBody.size);
  }

  /** True if the function was removed, false if it was created. */
  get isUnregistered(): boolean {
    return (this.u16(KsymbolBody.offsets.flags) & 1) !== 0;
  }
}

/** PERF_RECORD_CALLCHAIN_DEFERRED (Linux 6.19): the user part of earlier samples' chains. */
export class CallchainDeferred extends BodyRecord {
  constructor(raw: RawRecord) {
    super(raw, CallchainDeferredBody.size);
    this.requireElements(
      this.number(CallchainDeferredBody.offsets.nr),
      U64_SIZE,
      BODY + CallchainDeferredBody.size,
      "nr",
      BODY + CallchainDeferredBody.offsets.nr,
    );
  }

  /** The number after `Context.USER_DEFERRED` in the chains that this one completes. */
  get cookie(): bigint {
    return this.u64(CallchainDeferredBody.offsets.cookie);
  }

  /** The addresses, innermost first, with markers. */
  get callchain(): U64Array {
    const length = this.number(CallchainDeferredBody.offsets.nr);
    const at = this.at + BODY + CallchainDeferredBody.size;
    return new U64Array(this.window, at, length);
  }
}

/** PERF_RECORD_HEADER_ATTR: an event of a recording to a pipe. */
export class HeaderAttr extends BodyRecord {
  constructor(raw: RawRecord) {
    super(raw, ATTR_SIZE_VER0);
    const size = attrSize(this.window, this.at + BODY);
    this.requireElements(
      size,
      1,
      BODY,
      "attr.size",
      BODY + EventAttr.offsets.size,
    );
  }

  /** The event's description. */
  get attr(): PerfEventAttr {
    return readAttr(this.window, this.at + BODY, this.at + this.size);
  }

  /** The event's ids. */
  get ids(): U64Array {
    const at = this.at + BODY;
    const start = at + attrSize(this.window, at);
    const space = this.at + this.size - start;
    return new U64Array(this.window, start, Math.floor(space / U64_SIZE));
  }
}

/** PERF_RECORD_EVENT_UPDATE: an event's name, unit, scale or CPUs. */
export class EventUpdate extends BodyRecord {
  constructor(raw: RawRecord) {
    super(raw, EventUpdateBody.size);
  }

  /** Kind of the update; see `EVENT_UPDATE_NAME`. */
  get updateType(): bigint {
    return this.u64(EventUpdateBody.offsets.type);
  }

  /** An id of the event. */
  get eventId(): bigint {
    return this.u64(EventUpdateBody.offsets.id);
  }

  /** The new value, if it is a text. */
  get value(): string {
    return this.text(EventUpdateBody.size);
  }
}

/**
 * PERF_RECORD_TIME_CONV: conversion of processor ticks to nanoseconds:
 * `timeZero + (ticks >> timeShift) * timeMult + ((ticks & mask) * timeMult >> timeShift)`,
 * with a mask of `timeShift` ones.
 */
export class TimeConv extends BodyRecord {
  constructor(raw: RawRecord) {
    super(raw, TimeConvBody.size);
  }

  get timeShift(): bigint {
    return this.u64(TimeConvBody.offsets.timeShift);
  }

  get timeMult(): bigint {
    return this.u64(TimeConvBody.offsets.timeMult);
  }

  get timeZero(): bigint {
    return this.u64(TimeConvBody.offsets.timeZero);
  }
}

/** PERF_RECORD_ID_INDEX: the CPU and thread of each id. */
export class IdIndex extends BodyRecord {
  constructor(raw: RawRecord) {
    super(raw, IdIndexBody.size);
    this.requireElements(
      this.number(IdIndexBody.offsets.nr),
      IdIndexEntry.size,
      BODY + IdIndexBody.size,
      "nr",
      BODY + IdIndexBody.offsets.nr,
    );
  }

  /** The entries. A CPU or thread of −1 means any. */
  get entries(): { id: bigint; index: bigint; cpu: bigint; tid: bigint }[] {
    const length = this.number(IdIndexBody.offsets.nr);
    const { id, idx, cpu, tid } = IdIndexEntry.offsets;
    return Array.from({ length }, (_, index) => {
      const at = IdIndexBody.size + index * IdIndexEntry.size;
      return {
        id: this.u64(at + id),
        index: this.u64(at + idx),
        cpu: BigInt.asIntN(64, this.u64(at + cpu)),
        tid: BigInt.asIntN(64, this.u64(at + tid)),
      };
    });
  }
}

/** PERF_RECORD_HEADER_FEATURE: a feature section of a recording to a pipe. */
export class HeaderFeature extends BodyRecord {
  constructor(raw: RawRecord) {
    super(raw, FeatureBody.size);
  }

  /** Id of the feature; see `FeatureId`. */
  get featureId(): number {
    return this.number(FeatureBody.offsets.featId);
  }

  /** The section's bytes. */
  get data(): Uint8Array {
    return this.slice(BODY + FeatureBody.size, this.size);
  }
}

/** PERF_RECORD_HEADER_BUILD_ID: the build-id of a file. */
export class HeaderBuildId extends BodyRecord {
  constructor(raw: RawRecord) {
    super(raw, BuildIdBody.size);
  }

  /** The process: −1 for files of any process, 0 for those of a guest. */
  get pid(): number {
    return this.u32(BuildIdBody.offsets.pid) | 0;
  }

  /** The build-id. */
  get buildId(): Uint8Array {
    const { buildId0, size } = BuildIdBody.offsets;
    // Before perf 5.10 the size was not recorded, and was 20.
    const length = this.misc & Misc.BUILD_ID_SIZE
      ? Math.min(this.window.u8(this.at + BODY + size), BUILD_ID_SIZE_MAX)
      : BUILD_ID_SIZE_MAX;
    return this.slice(BODY + buildId0, BODY + buildId0 + length);
  }

  /** The file. */
  get filename(): string {
    return this.text(BuildIdBody.size);
  }
}

/** A record that is followed by bytes that are not records. */
export abstract class PayloadRecord extends BodyRecord {
  /** Number of bytes between this record and the next. */
  abstract get payloadSize(): number;
}

/** PERF_RECORD_AUXTRACE: data of a trace unit, which the reader skips. */
export class Auxtrace extends PayloadRecord {
  constructor(raw: RawRecord) {
    super(raw, AuxtraceBody.size);
  }

  override get payloadSize(): number {
    return this.number(AuxtraceBody.offsets.size);
  }
}

/** PERF_RECORD_HEADER_TRACING_DATA: formats of tracepoints, which the reader skips. */
export class TracingData extends PayloadRecord {
  constructor(raw: RawRecord) {
    super(raw, TracingDataBody.size);
  }

  override get payloadSize(): number {
    const size = this.u32(TracingDataBody.offsets.size);
    return Math.ceil(size / U64_SIZE) * U64_SIZE;
  }
}

/** PERF_RECORD_FINISHED_ROUND: the end of a round; see {@linkcode TimeOrder.endRound}. */
export class FinishedRound extends PerfRecord {}

/** The class for each type. */
const CLASSES: Record<number, new (raw: RawRecord) => PerfRecord> = {
  [PerfRecordType.Mmap]: Mmap,
  [PerfRecordType.Lost]: Lost,
  [PerfRecordType.Comm]: Comm,
  [PerfRecordType.Exit]: Exit,
  [PerfRecordType.Throttle]: Throttle,
  [PerfRecordType.Unthrottle]: Throttle,
  [PerfRecordType.Fork]: Fork,
  [PerfRecordType.Mmap2]: Mmap2,
  [PerfRecordType.LostSamples]: LostSamples,
  [PerfRecordType.Switch]: Switch,
  [PerfRecordType.SwitchCpuWide]: SwitchCpuWide,
  [PerfRecordType.Namespaces]: Namespaces,
  [PerfRecordType.Ksymbol]: Ksymbol,
  [PerfRecordType.CallchainDeferred]: CallchainDeferred,
  [PerfRecordType.HeaderAttr]: HeaderAttr,
  [PerfRecordType.HeaderTracingData]: TracingData,
  [PerfRecordType.HeaderBuildId]: HeaderBuildId,
  [PerfRecordType.FinishedRound]: FinishedRound,
  [PerfRecordType.IdIndex]: IdIndex,
  [PerfRecordType.Auxtrace]: Auxtrace,
  [PerfRecordType.EventUpdate]: EventUpdate,
  [PerfRecordType.TimeConv]: TimeConv,
  [PerfRecordType.HeaderFeature]: HeaderFeature,
};

/**
 * Wraps a record, other than a sample, in the class for its type.
 *
 * @throws {PerfDataFormatError} If its fields do not fit in it.
 */
export function recordOf(type: number, raw: RawRecord): PerfRecord {
  return new (CLASSES[type] ?? PerfRecord)(raw);
}
