/**
 * Closing what a program forgets to close.
 *
 * @module
 */

/** Something open. Its `close()` may be called twice. */
interface Closeable {
  close(): void;
}

/**
 * Closes `closeable` when this program or worker ends in an ordinary way, by
 * `Deno.exit` too. Nothing is kept from ending by it.
 *
 * @returns What to call when it has been closed otherwise.
 */
export function closeAtUnload(closeable: Closeable): () => void {
  const close = () => {
    try {
      closeable.close();
    } catch {
      // The program has ended well; its exit status is not to say otherwise.
    }
  };
  globalThis.addEventListener("unload", close);
  return () => globalThis.removeEventListener("unload", close);
}
