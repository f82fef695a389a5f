/**
 * Refusals of the kernel, and their remedies.
 *
 * @module
 */

import {
  EACCES,
  EINVAL,
  EMFILE,
  ENFILE,
  ENODEV,
  ENOENT,
  ENOMEM,
  ENOSYS,
  EOPNOTSUPP,
  EPERM,
  ESRCH,
} from "../../ffi/constants.ts";

/** Error for a recording that the kernel refuses. */
export class Refusal extends Error {}

/** The circumstances of a refusal. */
export interface Circumstances {
  /** The errno of perf_event_open(2). */
  readonly errno: number;
  /** The event's name. */
  readonly event: string;
  /** A process, 0 for a command to start, or −1 for all processes. */
  readonly pid: number;
  readonly frequency: number;
  /** True if the event is limited to the kernel. */
  readonly isKernelOnly: boolean;
  /** True if an event of the recorder's own code can be opened. */
  readonly mayRecordItself: boolean;
  /** kernel.perf_event_paranoid; undefined if reading it is not allowed. */
  readonly paranoid: number | undefined;
  /** kernel.perf_event_max_sample_rate; undefined if reading it is not allowed. */
  readonly maxFrequency: number | undefined;
}

/** Returns the message for a refusal, with its remedy. */
export function describeRefusal(of: Circumstances): string {
  const { errno, event, pid } = of;
  switch (errno) {
    case EACCES:
    case EPERM:
      return describeDenial(of);
    case ENOSYS:
      return "the system call perf_event_open is missing or blocked (ENOSYS): " +
        SECCOMP_REMEDY;
    case ESRCH:
      return `there is no process ${pid}`;
    case EMFILE:
    case ENFILE:
      return "too many files are open (one for each event, thread and CPU): " +
        "raise the limit with ulimit -n 65536, and record again";
    case ENOMEM:
      return "the kernel has no memory for the events: record fewer processes";
    case ENOENT:
    case ENODEV:
    case EOPNOTSUPP:
      return `this machine does not count ${event}: record with --event cpu-clock`;
    case EINVAL:
      return describeInvalid(of);
    default:
      return `perf_event_open() failed with errno ${errno} for ${event}`;
  }
}

const SECCOMP_REMEDY =
  "in a container, allow it: --cap-add PERFMON (Docker, Podman), " +
  "or a seccomp profile that permits perf_event_open";

const PARANOID = "kernel.perf_event_paranoid";

function describeDenial(of: Circumstances): string {
  const { errno, pid, paranoid, isKernelOnly, mayRecordItself } = of;
  if (mayRecordItself) {
    if (pid < 0) {
      return "recording all processes is not allowed: run as root, " +
        `grant this program CAP_PERFMON, or run sudo sysctl ${PARANOID}=0`;
    }
    if (isKernelOnly) {
      return `recording the kernel is not allowed${at(paranoid)}: ` +
        `run sudo sysctl ${PARANOID}=1, or record as root`;
    }
    if (pid > 0) {
      return `recording process ${pid} is not allowed: it is another user's, or ` +
        "protected; record as that user, or as root";
    }
  }
  if (errno === EPERM) {
    return "the system call perf_event_open is blocked (EPERM): " +
      SECCOMP_REMEDY;
  }
  const refused = `this user may not record${at(paranoid)}: `;
  if (paranoid !== undefined && paranoid <= 2) return refused + SECCOMP_REMEDY;
  // Debian, Ubuntu and Android have levels above 2.
  return `${refused}run sudo sysctl ${PARANOID}=2, or record as root` +
    (paranoid === undefined ? `; ${SECCOMP_REMEDY}` : "");
}

const at = (paranoid: number | undefined) =>
  paranoid === undefined ? "" : ` (${PARANOID} is ${paranoid})`;

function describeInvalid(of: Circumstances): string {
  const { event, frequency, maxFrequency } = of;
  if (maxFrequency === undefined || frequency > maxFrequency) {
    const limit = maxFrequency === undefined
      ? ""
      : `, which is ${maxFrequency}`;
    return `the kernel refuses ${event} at ${frequency} Hz: lower --frequency to ` +
      `at most kernel.perf_event_max_sample_rate${limit}`;
  }
  return `the kernel refuses ${event}: record with --event cpu-clock`;
}
