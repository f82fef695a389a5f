/**
 * Waiting for another thread to be done with something short.
 *
 * @module
 */

const nobodyWakes = new Int32Array(new SharedArrayBuffer(4));

/** Lets about a millisecond pass. */
export function pause(): void {
  Atomics.wait(nobodyWakes, 0, 0, 1);
}
