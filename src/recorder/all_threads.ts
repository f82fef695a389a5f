/**
 * Opening the events of all threads of a process that starts more meanwhile.
 *
 * @module
 */

/** Number of times that the events are opened, at most. */
const MOST_ATTEMPTS = 5;

/** What was opened. */
export interface OpenedForAll<T> {
  readonly opened: T;
  /** Indicates whether no thread has started meanwhile. */
  readonly isComplete: boolean;
}

/**
 * Opens the events of all threads, and opens them anew if another thread has started
 * meanwhile: such a thread has inherited the events of its parent on some CPUs, on all or on
 * none, so it can neither be added nor left out.
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
