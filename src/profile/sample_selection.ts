/**
 * Selection of samples by process, thread and time.
 *
 * @module
 */

/** Samples to report; all if nothing is set. */
export interface SampleSelection {
  /** Name or id of a process. */
  readonly process?: string;
  /** Name or id of a thread. */
  readonly thread?: string;
  /** First selected time, in nanoseconds since the recording's earliest record. */
  readonly since?: number;
  /** First time after the selected ones, in nanoseconds since the earliest record. */
  readonly until?: number;
}

/** Returns whether a sample is selected. */
export function isSelected(
  { process, thread, since, until }: SampleSelection,
  { pid, tid, time }: {
    readonly pid: number;
    readonly tid: number;
    readonly time: number;
  },
  nameOf: (tid: number) => string,
): boolean {
  const matches = (task: string | undefined, id: number) =>
    task === undefined || task === String(id) || task === nameOf(id);
  return matches(process, pid) && matches(thread, tid) &&
    (since === undefined || time >= since) &&
    (until === undefined || time < until);
}
