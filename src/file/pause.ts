/**
 * A short wait for another thread.
 *
 * @module
 */

const neverNotified = new Int32Array(new SharedArrayBuffer(4));

/** Waits for about a millisecond. */
export function pause(): void {
  Atomics.wait(neverNotified, 0, 0, 1);
}
