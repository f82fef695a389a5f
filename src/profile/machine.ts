/**
 * Comparison of the recorded machine with this one.
 *
 * @module
 */

import type { Features } from "../perf_data/features.ts";

/**
 * Returns whether the recorded host and kernel have the names of this machine; undefined
 * without permission to read them. Never prompts.
 */
export function recordedHere(
  { hostname, osRelease }: Features,
): boolean | undefined {
  const isGranted = (["hostname", "osRelease"] as const).every((kind) =>
    Deno.permissions.querySync({ name: "sys", kind }).state === "granted"
  );
  if (!isGranted) return undefined;
  return (hostname === undefined || hostname === Deno.hostname()) &&
    (osRelease === undefined || osRelease === Deno.osRelease());
}
