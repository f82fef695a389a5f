/**
 * Where there is a perf.
 *
 * @module
 */

/** Whether there can be a perf: on Linux. */
export function isSupported(): boolean {
  return Deno.build.os === "linux";
}

/** Throws where there can be none. */
export function requireSupported(path: string): void {
  if (isSupported()) return;
  throw new Deno.errors.NotSupported(
    `Cannot open "${path}": there is perf on Linux only, and this is ${Deno.build.os}`,
  );
}
