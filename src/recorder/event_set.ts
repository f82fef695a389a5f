/**
 * The open events of a recording: one descriptor for each CPU, event and thread, and one
 * ring buffer for each CPU.
 *
 * An event with `inherit` can write to a ring buffer only if it counts on one CPU
 * (Linux 6.1).
 *
 * @module
 */

import { EACCES, EINVAL, ENODEV, EPERM, ESRCH } from "../../ffi/constants.ts";
import type { Libc } from "../../ffi/libc.ts";
import {
  closePerfEvent,
  disablePerfEvent,
  enablePerfEvent,
  mapRing,
  openPerfEvent,
  perfEventId,
  redirectRing,
} from "../../ffi/perf_event.ts";
import { pageSize, processorCount } from "../../ffi/processors.ts";
import type { NewEvent } from "../perf_data/new_features.ts";
import { type RecordedEvent, userOnly } from "./event.ts";
import { describeRefusal, Refusal } from "./refusal.ts";
import { openForAll } from "./all_threads.ts";
import { Ring } from "./ring.ts";
import { threadIds } from "./running_processes.ts";
import { attrOf, type SampleSettings } from "./sample_settings.ts";
import { kernelSetting } from "./kernel_setting.ts";

/** The subject of a recording. */
export type Target =
  /** The programs that the calling thread will start, from their exec on. */
  | { readonly kind: "children" }
  /** A running process with its threads, and all that they start. */
  | { readonly kind: "process"; readonly pid: number }
  | { readonly kind: "all" };

/** Minimum size of a ring buffer's data, in pages. */
const LEAST_PAGES = 8;

/** Open events. */
export class EventSet {
  readonly #libc: Libc;
  readonly #fds: readonly number[];
  /** The ring buffers, one for each CPU. */
  readonly rings: readonly Ring[];
  /** Size of each ring buffer's data in bytes. */
  readonly ringSize: number;
  /** The events, for the file. */
  readonly events: readonly NewEvent[];
  /** True if the kernel is excluded because this user may not record it. */
  readonly leavesOutKernel: boolean;
  /** True if threads have started while the events of their process were opened. */
  readonly missesThreads: boolean;

  private constructor(
    libc: Libc,
    opened: Opened,
    mapped: { rings: Ring[]; ringSize: number },
    leavesOutKernel: boolean,
  ) {
    this.#libc = libc;
    this.#fds = opened.fds;
    this.events = opened.events;
    this.rings = mapped.rings;
    this.ringSize = mapped.ringSize;
    this.leavesOutKernel = leavesOutKernel;
    this.missesThreads = !opened.isComplete;
  }

  /**
   * Opens the events; those of user code only, if recording the kernel is not allowed.
   *
   * @param ringSize Wanted size of each ring buffer's data, a power of two. Halved until the
   * limit of locked memory allows it.
   * @throws {Refusal} If the kernel refuses.
   */
  static open(
    libc: Libc,
    events: readonly RecordedEvent[],
    settings: SampleSettings,
    target: Target,
    ringSize: number,
  ): EventSet {
    let opened = openAll(libc, events, settings, target);
    let leavesOutKernel = false;
    const { errno } = opened;
    const mayLeaveOut = events.some(({ only }) => only === undefined);
    if ((errno === EACCES || errno === EPERM) && mayLeaveOut) {
      const ofUser = events.map((event) =>
        event.only === undefined ? userOnly(event) : event
      );
      opened = openAll(libc, ofUser, settings, target);
      leavesOutKernel = true;
    }
    if (opened.errno !== 0) {
      throw new Refusal(refusal(libc, opened, settings, target));
    }
    try {
      const mapped = mapRings(libc, opened.ringFds, ringSize);
      // A ring buffer must be mapped before other events can use it.
      for (const [fd, to] of opened.redirected) redirectRing(libc, fd, to);
      return new EventSet(libc, opened, mapped, leavesOutKernel);
    } catch (error) {
      for (const fd of opened.fds) closePerfEvent(libc, fd);
      throw error;
    }
  }

  /** Enables all events. */
  enable(): void {
    for (const fd of this.#fds) enablePerfEvent(this.#libc, fd);
  }

  /** Disables all events. */
  disable(): void {
    for (const fd of this.#fds) disablePerfEvent(this.#libc, fd);
  }

  /** Closes events and ring buffers. */
  close(): void {
    for (const ring of this.rings) ring.close();
    for (const fd of this.#fds) closePerfEvent(this.#libc, fd);
  }
}

/** Descriptors, or the first refusal. */
interface Opened {
  readonly fds: number[];
  /** The first descriptor of each CPU. */
  readonly ringFds: number[];
  /** The other descriptors, with the first one of their CPU, whose ring buffer they use. */
  readonly redirected: [fd: number, to: number][];
  readonly events: NewEvent[];
  /** Errno of the refused event, else 0. All descriptors are closed if it is not 0. */
  readonly errno: number;
  /** The event that cannot be opened. */
  readonly refused?: RecordedEvent;
  /** True if all threads have events. */
  readonly isComplete: boolean;
}

/** No descriptors. */
const NONE = {
  fds: [],
  ringFds: [],
  redirected: [],
  events: [],
  isComplete: true,
};

function openAll(
  libc: Libc,
  events: readonly RecordedEvent[],
  settings: SampleSettings,
  target: Target,
): Opened {
  const { opened, isComplete } = openForAll(
    () => threadsOf(target),
    (threads) =>
      openEach(libc, events, settings, threads, target.kind === "children"),
    ({ fds }) => {
      for (const fd of fds) closePerfEvent(libc, fd);
    },
  );
  return { ...opened, isComplete };
}

function openEach(
  libc: Libc,
  events: readonly RecordedEvent[],
  settings: SampleSettings,
  threads: readonly number[],
  isEnabledByExec: boolean,
): Opened {
  const fds: number[] = [];
  const ringOf = new Map<number, number>();
  const redirected: [fd: number, to: number][] = [];
  const described: NewEvent[] = [];
  const refuse = (errno: number, refused: RecordedEvent): Opened => {
    for (const fd of fds) closePerfEvent(libc, fd);
    return { ...NONE, errno, refused };
  };
  const cpus = processorCount(libc);
  for (const event of events) {
    const attr = attrOf(event, settings, isEnabledByExec);
    const ids: bigint[] = [];
    let last = ESRCH;
    for (let cpu = 0; cpu < cpus; cpu++) {
      if (event.cpus && !event.cpus.has(cpu)) continue;
      for (const thread of threads) {
        const fd = openPerfEvent(libc, attr, thread, cpu);
        if (fd < 0) {
          last = -fd;
          // The CPU is offline, or the thread has ended.
          if (last === ENODEV || last === ESRCH) continue;
          return refuse(last, event);
        }
        fds.push(fd);
        ids.push(perfEventId(libc, fd));
        const ring = ringOf.get(cpu);
        if (ring === undefined) ringOf.set(cpu, fd);
        else redirected.push([fd, ring]);
      }
    }
    if (ids.length === 0) return refuse(last, event);
    described.push({ name: event.name, attr, ids });
  }
  const ringFds = [...ringOf.values()];
  return { ...NONE, fds, ringFds, redirected, events: described, errno: 0 };
}

function threadsOf(target: Target): readonly number[] {
  switch (target.kind) {
    case "children":
      return [0];
    case "process":
      return threadIds(target.pid);
    case "all":
      return [-1];
  }
}

/** Maps a ring buffer for each CPU, as large as the limit of locked memory allows. */
function mapRings(
  libc: Libc,
  fds: readonly number[],
  wanted: number,
): { rings: Ring[]; ringSize: number } {
  const page = pageSize(libc);
  for (let size = wanted; size >= LEAST_PAGES * page; size /= 2) {
    const rings: Ring[] = [];
    for (const fd of fds) {
      const address = mapRing(libc, fd, page + size);
      if (address < 0n && address > -4096n) break;
      rings.push(new Ring(libc, address, page, size));
    }
    if (rings.length === fds.length) return { rings, ringSize: size };
    for (const ring of rings) ring.close();
  }
  throw new Refusal(
    "the limit of locked memory is too low for the ring buffers of all CPUs: raise it with " +
      "ulimit -l 65536, or with sudo sysctl kernel.perf_event_mlock_kb=4096",
  );
}

function refusal(
  libc: Libc,
  { errno, refused }: Opened,
  settings: SampleSettings,
  target: Target,
): string {
  const pid = target.kind === "process"
    ? target.pid
    : target.kind === "all"
    ? -1
    : 0;
  return describeRefusal({
    errno,
    event: refused?.name ?? "",
    pid,
    frequency: settings.frequency,
    isKernelOnly: refused?.only === "kernel",
    mayRecordItself: mayRecordItself(libc),
    paranoid: kernelSetting("perf_event_paranoid"),
    maxFrequency: errno === EINVAL
      ? kernelSetting("perf_event_max_sample_rate")
      : undefined,
  });
}

/** Returns whether the calling thread may record its own code outside the kernel. */
function mayRecordItself(libc: Libc): boolean {
  const clock: RecordedEvent = {
    name: "cpu-clock:u",
    type: 1,
    config: 0n,
    only: "user",
  };
  const settings = { frequency: 100, callGraph: "none", stackSize: 0 } as const;
  const fd = openPerfEvent(libc, attrOf(clock, settings, false), 0, -1);
  if (fd < 0) return false;
  closePerfEvent(libc, fd);
  return true;
}
