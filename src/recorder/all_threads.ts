/**
 * Opening of events for all threads of a process that may start threads meanwhile.
 *
 * @module
 */

/** Maximum number of attempts to open the events. */
const MOST_ATTEMPTS = 5;

/** The opened events. */
export interface OpenedForAll<T> {
  readonly opened: T;
  /** True if no thread has started meanwhile. */
  readonly isComplete: boolean;
}

/**
 * Opens the events of all threads, and reopens them if another thread has started meanwhile.
 * Such a thread has inherited its parent's events on some, all or none of the CPUs, so it can
 * neither be added nor omitted.
 *
 * @param list Returns the threads of the process.
 * @param open Opens the events of these threads.
 * @param close Closes the events.
 */
export function openForAll<T>(
  list: () => readonly number[],
  open: (threads: readonly number[]) => T,
  close: (opened: T) => void,
): OpenedForAll<T> {
  let threads = list();
  for (let attempt = 1;; attempt++) {
    const opened = open(threads);
    const now = list();
    const known = new Set(threads);
    const isComplete = now.every((thread) => known.has(thread));
    if (isComplete || attempt === MOST_ATTEMPTS) return { opened, isComplete };
    close(opened);
    threads = now;
  }
}
