/**
 * What a profile is written with: a system that has perf, and its libc.
 *
 * @module
 */

import { type LibcLibrary, openLibc } from "../ffi/libc.ts";
import { checkPath } from "./arguments.ts";

/** Whether there can be a perf: on Linux. */
export function isSupported(): boolean {
  return Deno.build.os === "linux";
}

/**
 * Opens the libc that is to write the file at `path`.
 *
 * @param libc The caller's `options.libc`, checked here.
 * @throws {Deno.errors.NotSupported} Where there can be no perf.
 * @throws The same as {@linkcode openLibc}.
 */
export function openPlatform(
  what: string,
  path: string,
  libc: string | undefined,
): LibcLibrary {
  const libcPath = libc === undefined
    ? undefined
    : checkPath(what, "options.libc", libc);
  if (!isSupported()) {
    throw new Deno.errors.NotSupported(
      `Cannot open "${path}": there is perf on Linux only, and this is ${Deno.build.os}`,
    );
  }
  return openLibc(libcPath);
}
