/**
 * Work that several tests share.
 *
 * @module
 */

/** Returns a function that calls `use` once, and returns the same result every time. */
export function once<T>(use: () => T): () => T {
  let result: { value: T } | undefined;
  return () => (result ??= { value: use() }).value;
}
