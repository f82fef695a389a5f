/**
 * The structs of perf.data, field by field.
 *
 * Those of the file are described in tools/perf/Documentation/perf.data-file-format.txt
 * (Linux 6.1), those of the kernel in include/uapi/linux/perf_event.h, and those of perf in
 * tools/lib/perf/include/perf/event.h (both Linux 6.19). All fields are in the byte order
 * of the machine that wrote the recording.
 *
 * @module
 */

import { type Layout, type Struct, struct } from "../format/struct.ts";

type Fields = Record<string, "u8" | "u16" | "u32" | "u64">;

type Values<F extends Fields> = {
  [K in keyof F]: F[K] extends "u64" ? bigint : number;
};

function fields<const F extends Fields>(
  name: string,
  layout: F,
): Struct<Values<F>> {
  return struct<Values<F>>(name, layout as unknown as Layout<Values<F>>);
}

/** "PERFILE2", the magic of a recording. */
export const PERF_MAGIC = "PERFILE2";

/** Header of a recording to a pipe. `size` is the size of this struct. */
export const PipeHeader = fields("perf_pipe_file_header", {
  magic: "u64",
  size: "u64",
});

/** A section of the file. */
export const FileSection = fields("perf_file_section", {
  offset: "u64",
  size: "u64",
});

/**
 * Header of a file. `flags0` to `flags3` contain a bit for each feature section. The
 * `perf_file_section`s of these follow the data section.
 */
export const PerfHeader = fields("perf_file_header", {
  magic: "u64",
  size: "u64",
  attrSize: "u64",
  attrsOffset: "u64",
  attrsSize: "u64",
  dataOffset: "u64",
  dataSize: "u64",
  eventTypesOffset: "u64",
  eventTypesSize: "u64",
  flags0: "u64",
  flags1: "u64",
  flags2: "u64",
  flags3: "u64",
});

/** Header of each record. */
export const EventHeader = fields("perf_event_header", {
  type: "u32",
  misc: "u16",
  size: "u16",
});

/**
 * An event's description. In older kernels it is shorter: 64 bytes (up to `config1`), 72,
 * 80, 96, 104, 112, 120 or 128; in Linux 6.19 it has 144. `flags` is a bit field: bit 0 is
 * the lowest bit of the first byte in little-endian recordings, the highest in big-endian.
 */
export const EventAttr = fields("perf_event_attr", {
  type: "u32",
  size: "u32",
  config: "u64",
  samplePeriod: "u64",
  sampleType: "u64",
  readFormat: "u64",
  flags: "u64",
  wakeupEvents: "u32",
  bpType: "u32",
  config1: "u64",
  config2: "u64",
  branchSampleType: "u64",
  sampleRegsUser: "u64",
  sampleStackUser: "u32",
  clockid: "u32",
  sampleRegsIntr: "u64",
  auxWatermark: "u32",
  sampleMaxStack: "u16",
  reserved2: "u16",
  auxSampleSize: "u32",
  reserved3: "u32",
  sigData: "u64",
  config3: "u64",
  config4: "u64",
});

/** Size of the first published `perf_event_attr`, also denoted by a `size` of 0. */
export const ATTR_SIZE_VER0 = 64;

/** Size of a u64 in bytes. */
export const U64_SIZE = 8;

/** pid and tid, the first fields of many records. */
const IDS = { pid: "u32", tid: "u32" } as const;

const MAPPING = { ...IDS, start: "u64", len: "u64", pgoff: "u64" } as const;

/** MMAP after its header; the file's name follows. */
export const MmapBody = fields("perf_record_mmap", MAPPING);

/** MMAP2 after its header, with device and inode; the file's name follows. */
export const Mmap2Body = fields("perf_record_mmap2", {
  ...MAPPING,
  maj: "u32",
  min: "u32",
  ino: "u64",
  inoGeneration: "u64",
  prot: "u32",
  flags: "u32",
});

/**
 * Fields of an MMAP2 with `MMAP_BUILD_ID` in place of `maj` to `inoGeneration`; up to
 * {@linkcode BUILD_ID_SIZE_MAX} bytes of build-id follow.
 */
export const Mmap2BuildId = fields("perf_record_mmap2", {
  buildIdSize: "u8",
  reserved1: "u8",
  reserved2: "u16",
});

/** Maximum size of a build-id in a record. */
export const BUILD_ID_SIZE_MAX = 20;

/** LOST after its header. */
export const LostBody = fields("perf_record_lost", { id: "u64", lost: "u64" });

/** COMM after its header; the name follows. */
export const CommBody = fields("perf_record_comm", IDS);

/** FORK and EXIT after their header. */
export const TaskBody = fields("perf_record_fork", {
  pid: "u32",
  ppid: "u32",
  tid: "u32",
  ptid: "u32",
  time: "u64",
});

/** THROTTLE and UNTHROTTLE after their header. */
export const ThrottleBody = fields("perf_record_throttle", {
  time: "u64",
  id: "u64",
  streamId: "u64",
});

/** LOST_SAMPLES after its header. */
export const LostSamplesBody = fields("perf_record_lost_samples", {
  lost: "u64",
});

/** SWITCH_CPU_WIDE after its header. */
export const SwitchCpuWideBody = fields("perf_record_switch", {
  nextPrevPid: "u32",
  nextPrevTid: "u32",
});

/** NAMESPACES after its header; this many {@linkcode NamespaceLink}s follow. */
export const NamespacesBody = fields("perf_record_namespaces", {
  ...IDS,
  nrNamespaces: "u64",
});

/** A namespace, in the order net, uts, ipc, pid, user, mnt, cgroup. */
export const NamespaceLink = fields("perf_ns_link_info", {
  dev: "u64",
  ino: "u64",
});

/** KSYMBOL after its header; the name follows. */
export const KsymbolBody = fields("perf_record_ksymbol", {
  addr: "u64",
  len: "u32",
  ksymType: "u16",
  flags: "u16",
});

/** CALLCHAIN_DEFERRED after its header; `nr` addresses follow. */
export const CallchainDeferredBody = fields("perf_record_callchain_deferred", {
  cookie: "u64",
  nr: "u64",
});

/** EVENT_UPDATE after its header; the new value follows. */
export const EventUpdateBody = fields("perf_record_event_update", {
  type: "u64",
  id: "u64",
});

/** The `type` of an EVENT_UPDATE whose data is the event's name. */
export const EVENT_UPDATE_NAME = 2n;

/** TIME_CONV after its header, up to perf 5.8. */
export const TimeConvBody = fields("perf_record_time_conv", {
  timeShift: "u64",
  timeMult: "u64",
  timeZero: "u64",
});

/** FEATURE after its header; the section's bytes follow. */
export const FeatureBody = fields("perf_record_header_feature", {
  featId: "u64",
});

/** TRACING_DATA after its header; this many bytes follow the record, padded to 8. */
export const TracingDataBody = fields("perf_record_header_tracing_data", {
  size: "u32",
});

/** AUXTRACE after its header; `size` bytes follow the record. */
export const AuxtraceBody = fields("perf_record_auxtrace", {
  size: "u64",
  offset: "u64",
  reference: "u64",
  idx: "u32",
  tid: "u32",
  cpu: "u32",
  reserved: "u32",
});

/** ID_INDEX after its header; `nr` {@linkcode IdIndexEntry}s follow. */
export const IdIndexBody = fields("perf_record_id_index", { nr: "u64" });

/** The CPU and thread of an id; a value of all ones means any. */
export const IdIndexEntry = fields("id_index_entry", {
  id: "u64",
  idx: "u64",
  cpu: "u64",
  tid: "u64",
});

/** COMPRESSED2 (perf 6.16) after its header; this many bytes of zstd follow, then padding. */
export const Compressed2Body = fields("perf_record_compressed2", {
  dataSize: "u64",
});

/** BUILD_ID, and an entry of the feature, after its header; the file's name follows. */
export const BuildIdBody = fields("perf_record_header_build_id", {
  pid: "u32",
  buildId0: "u64",
  buildId1: "u64",
  buildId2: "u32",
  size: "u8",
  reserved1: "u8",
  reserved2: "u16",
});
