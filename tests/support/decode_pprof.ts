/**
 * A decoder of pprof's profiles.
 *
 * @module
 */

import { PprofProfile } from "./npm.ts";

/** Decodes a compressed profile of pprof. */
export async function decodePprof(
  compressed: Uint8Array,
): Promise<PprofProfile> {
  const stream = new Blob([compressed as Uint8Array<ArrayBuffer>]).stream()
    .pipeThrough(new DecompressionStream("gzip"));
  const message = await new Response(stream).arrayBuffer();
  return PprofProfile.decode(new Uint8Array(message));
}
