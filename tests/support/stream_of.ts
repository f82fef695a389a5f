/**
 * Streams of bytes.
 *
 * @module
 */

/** Returns a stream of the bytes in pieces of `size` bytes. */
export function streamOf(
  bytes: Uint8Array,
  size: number,
): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) controller.close();
      else controller.enqueue(bytes.slice(at, at += size));
    },
  });
}
