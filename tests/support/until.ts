/**
 * Waiting for a condition.
 *
 * @module
 */

/** Interval between two attempts in milliseconds. */
const INTERVAL = 20;

/** Repeats `action` until it does not throw, and returns its result. */
export async function until<T>(action: () => T): Promise<T> {
  for (;;) {
    try {
      return action();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, INTERVAL));
    }
  }
}
