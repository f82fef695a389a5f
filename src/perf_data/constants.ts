/**
 * Numbers of perf.data: record types and bits.
 *
 * Those of the kernel are from include/uapi/linux/perf_event.h of Linux 6.19, those of
 * perf (from 64 on) from tools/lib/perf/include/perf/event.h of Linux 6.19.
 *
 * @module
 */

/** The `type` of a record. */
export enum PerfRecordType {
  Mmap = 1,
  Lost = 2,
  Comm = 3,
  Exit = 4,
  Throttle = 5,
  Unthrottle = 6,
  Fork = 7,
  Read = 8,
  Sample = 9,
  Mmap2 = 10,
  Aux = 11,
  ItraceStart = 12,
  LostSamples = 13,
  Switch = 14,
  SwitchCpuWide = 15,
  Namespaces = 16,
  Ksymbol = 17,
  BpfEvent = 18,
  Cgroup = 19,
  TextPoke = 20,
  AuxOutputHwId = 21,
  CallchainDeferred = 22,
  HeaderAttr = 64,
  HeaderEventType = 65,
  HeaderTracingData = 66,
  HeaderBuildId = 67,
  FinishedRound = 68,
  IdIndex = 69,
  AuxtraceInfo = 70,
  Auxtrace = 71,
  AuxtraceError = 72,
  ThreadMap = 73,
  CpuMap = 74,
  StatConfig = 75,
  Stat = 76,
  StatRound = 77,
  EventUpdate = 78,
  TimeConv = 79,
  HeaderFeature = 80,
  Compressed = 81,
  FinishedInit = 82,
  Compressed2 = 83,
  BpfMetadata = 84,
}

/** Minimum `type` of the records that perf itself writes; they have no sample_id. */
export const USER_TYPE_START = 64;

/** Names that `perf report -D` (perf 7.2) prints instead of the names above. */
const OTHER_NAMES: Record<number, string> = {
  [PerfRecordType.HeaderAttr]: "ATTR",
  [PerfRecordType.HeaderEventType]: "EVENT_TYPE",
  [PerfRecordType.HeaderTracingData]: "TRACING_DATA",
  [PerfRecordType.HeaderBuildId]: "BUILD_ID",
  [PerfRecordType.HeaderFeature]: "FEATURE",
};

const NAMES = new Map(
  Object.entries(PerfRecordType)
    .filter(([, type]) => typeof type === "number")
    .map(([name, type]) => [
      type as number,
      `PERF_RECORD_${
        OTHER_NAMES[type as number] ??
          name.replace(/(?<=[a-z0-9])[A-Z]/g, "_$&").toUpperCase()
      }`,
    ]),
);

/** Returns the name that `perf report -D` prints for a record's `type`. */
export function perfRecordName(type: number): string {
  return NAMES.get(type) ?? `record of unknown type ${type}`;
}

/** Bits of a record's `misc`. The meaning of some depends on the type of record. */
export const Misc = {
  /** The bits of the {@linkcode CpuMode}. */
  CPUMODE_MASK: 7,
  /** Flag of MMAP: the mapping contains data, not code. */
  MMAP_DATA: 1 << 13,
  /** Flag of COMM: the process has called exec. */
  COMM_EXEC: 1 << 13,
  /** Flag of SWITCH and SWITCH_CPU_WIDE: the thread stops running. */
  SWITCH_OUT: 1 << 13,
  /** Flag of MMAP2: it has a build-id instead of device and inode. */
  MMAP_BUILD_ID: 1 << 14,
  /** Flag of BUILD_ID: the size of the build-id is recorded. */
  BUILD_ID_SIZE: 1 << 15,
} as const;

/** State of the CPU when a record was written. */
export enum CpuMode {
  Unknown = 0,
  Kernel = 1,
  User = 2,
  Hypervisor = 3,
  GuestKernel = 4,
  GuestUser = 5,
}

/** Bits of an event's `sample_type`: fields of its samples. */
export const SampleType = {
  IP: 1 << 0,
  TID: 1 << 1,
  TIME: 1 << 2,
  ADDR: 1 << 3,
  READ: 1 << 4,
  CALLCHAIN: 1 << 5,
  ID: 1 << 6,
  CPU: 1 << 7,
  PERIOD: 1 << 8,
  STREAM_ID: 1 << 9,
  RAW: 1 << 10,
  BRANCH_STACK: 1 << 11,
  REGS_USER: 1 << 12,
  STACK_USER: 1 << 13,
  WEIGHT: 1 << 14,
  DATA_SRC: 1 << 15,
  IDENTIFIER: 1 << 16,
  TRANSACTION: 1 << 17,
  REGS_INTR: 1 << 18,
  PHYS_ADDR: 1 << 19,
  AUX: 1 << 20,
  CGROUP: 1 << 21,
  DATA_PAGE_SIZE: 1 << 22,
  CODE_PAGE_SIZE: 1 << 23,
  WEIGHT_STRUCT: 1 << 24,
} as const;

/** Bits of an event's `read_format`: fields of a counter's value. */
export const ReadFormat = {
  TOTAL_TIME_ENABLED: 1 << 0,
  TOTAL_TIME_RUNNING: 1 << 1,
  ID: 1 << 2,
  GROUP: 1 << 3,
  LOST: 1 << 4,
} as const;

/** Bits of an event's `branch_sample_type` that change the layout of samples. */
export const BranchSampleType = {
  HW_INDEX: 1 << 17,
  COUNTERS: 1 << 19,
} as const;

/** Positions of bits in an event's flags. */
export const AttrFlag = {
  disabled: 0,
  inherit: 1,
  excludeUser: 4,
  excludeKernel: 5,
  excludeHypervisor: 6,
  mmap: 8,
  comm: 9,
  freq: 10,
  enableOnExec: 12,
  task: 13,
  sampleIdAll: 18,
  mmap2: 23,
  commExec: 24,
  useClockid: 25,
  contextSwitch: 26,
} as const;

/** Markers in call chains, as signed numbers: the kind of code of the addresses after them. */
export const Context = {
  HV: -32,
  KERNEL: -128,
  USER: -512,
  /** The user part follows in a CALLCHAIN_DEFERRED record with the next entry's cookie. */
  USER_DEFERRED: -640,
  GUEST: -2048,
  GUEST_KERNEL: -2176,
  GUEST_USER: -2560,
  /** Minimum value of a marker. */
  MAX: -4095,
} as const;

/**
 * Bits of the header's flags: the feature sections of the file. From
 * tools/perf/util/header.h of Linux 6.1.
 */
export enum FeatureId {
  TracingData = 1,
  BuildId = 2,
  Hostname = 3,
  OsRelease = 4,
  Version = 5,
  Arch = 6,
  NrCpus = 7,
  CpuDesc = 8,
  CpuId = 9,
  TotalMem = 10,
  Cmdline = 11,
  EventDesc = 12,
  CpuTopology = 13,
  NumaTopology = 14,
  BranchStack = 15,
  PmuMappings = 16,
  GroupDesc = 17,
  Auxtrace = 18,
  Stat = 19,
  Cache = 20,
  SampleTime = 21,
  MemTopology = 22,
  Clockid = 23,
  DirFormat = 24,
  BpfProgInfo = 25,
  BpfBtf = 26,
  Compressed = 27,
  CpuPmuCaps = 28,
  ClockData = 29,
  HybridTopology = 30,
  PmuCaps = 31,
}
