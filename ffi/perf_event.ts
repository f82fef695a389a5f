/**
 * Performance events of the kernel: perf_event_open(2).
 *
 * A function whose request the kernel can refuse returns a negative errno instead of
 * throwing, because only its caller can name the cause and the remedy.
 *
 * @module
 */

import {
  MAP_FAILED,
  MAP_SHARED,
  PERF_EVENT_IOC_DISABLE,
  PERF_EVENT_IOC_ENABLE,
  PERF_EVENT_IOC_ID,
  PERF_EVENT_IOC_SET_OUTPUT,
  PERF_FLAG_FD_CLOEXEC,
  PROT_READ,
  PROT_WRITE,
  SYS_PERF_EVENT_OPEN,
} from "./constants.ts";
import { attempt, readErrno } from "./error.ts";
import type { Libc } from "./libc.ts";

/**
 * Opens an event; child processes do not inherit the descriptor.
 *
 * @param attr A `struct perf_event_attr`.
 * @param pid The id of a thread, 0 for the calling thread, or −1 for all.
 * @param cpu The number of a CPU, or −1 for all.
 * @returns The descriptor, or a negative errno.
 */
export function openPerfEvent(
  libc: Libc,
  attr: Uint8Array<ArrayBuffer>,
  pid: number,
  cpu: number,
): number {
  return attempt(
    libc,
    () =>
      libc.perf_event_open(
        SYS_PERF_EVENT_OPEN,
        attr,
        pid,
        cpu,
        -1,
        PERF_FLAG_FD_CLOEXEC,
      ),
  );
}

/**
 * Maps the ring buffer of an event: a page with the positions, then the data.
 *
 * @param size Size in bytes: one page plus a power of two of pages.
 * @returns The address, or a negative errno.
 */
export function mapRing(libc: Libc, fd: number, size: number): bigint {
  const protection = PROT_READ | PROT_WRITE;
  const address = libc.mmap(0n, BigInt(size), protection, MAP_SHARED, fd, 0n);
  return address === MAP_FAILED ? -BigInt(readErrno(libc)) : address;
}

/** Unmaps a ring buffer. */
export function unmapRing(libc: Libc, address: bigint, size: number): void {
  libc.munmap(address, BigInt(size));
}

/**
 * Redirects an event's samples to the ring buffer of another event. Returns a negative
 * errno if the kernel refuses.
 */
export function redirectRing(libc: Libc, fd: number, to: number): number {
  const request = PERF_EVENT_IOC_SET_OUTPUT;
  return attempt(libc, () => libc.ioctl(fd, request, BigInt(to)));
}

/** Enables an event and the copies of it that child threads have inherited. */
export function enablePerfEvent(libc: Libc, fd: number): void {
  libc.ioctl(fd, PERF_EVENT_IOC_ENABLE, 0n);
}

/** Disables an event and the copies of it that child threads have inherited. */
export function disablePerfEvent(libc: Libc, fd: number): void {
  libc.ioctl(fd, PERF_EVENT_IOC_DISABLE, 0n);
}

/** Returns the id that the event's samples carry; 0 if the kernel returns none. */
export function perfEventId(libc: Libc, fd: number): bigint {
  const id = new BigUint64Array(1);
  libc.ioctlBuffer(fd, PERF_EVENT_IOC_ID, new Uint8Array(id.buffer));
  return id[0];
}

/** Returns the count of an event opened without `read_format`; 0 if it cannot be read. */
export function readPerfEvent(libc: Libc, fd: number): bigint {
  const count = new BigUint64Array(1);
  libc.read(fd, new Uint8Array(count.buffer), 8n);
  return count[0];
}

/** Closes an event. */
export function closePerfEvent(libc: Libc, fd: number): void {
  libc.close(fd);
}
