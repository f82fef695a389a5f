/**
 * Names of events for which a recording has none.
 *
 * @module
 */

/** `PERF_COUNT_HW_…`, in perf's spelling. */
const HARDWARE = [
  "cycles",
  "instructions",
  "cache-references",
  "cache-misses",
  "branches",
  "branch-misses",
  "bus-cycles",
  "stalled-cycles-frontend",
  "stalled-cycles-backend",
  "ref-cycles",
];

/** `PERF_COUNT_SW_…`, in perf's spelling. */
const SOFTWARE = [
  "cpu-clock",
  "task-clock",
  "page-faults",
  "context-switches",
  "cpu-migrations",
  "minor-faults",
  "major-faults",
  "alignment-faults",
  "emulation-faults",
  "dummy",
  "bpf-output",
  "cgroup-switches",
];

/** `PERF_TYPE_…` (Linux 6.1), by number. */
const TYPES = ["hardware", "software", "tracepoint", "hw-cache", "raw"];

/** Returns the name of an event from its `type` and `config`. */
export function eventName(type: number, config: bigint): string {
  // The upper half of a hardware event names the PMU of a hybrid processor.
  const code = Number(BigInt.asUintN(32, config));
  const known = type === 0
    ? HARDWARE[code]
    : type === 1
    ? SOFTWARE[code]
    : undefined;
  return known ?? `${TYPES[type] ?? `type ${type}`}:0x${config.toString(16)}`;
}
