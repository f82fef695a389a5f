/**
 * Deno's write permission for paths that are passed to libc, which does not check it.
 *
 * @module
 */

import { PATH_MAX } from "./constants.ts";
import type { Libc } from "./libc.ts";

/**
 * Returns the absolute path without `.`, `..` and empty components. Symbolic links are not
 * resolved, as in the permission check of Deno (2.9). The kernel follows a symbolic link
 * before it resolves the `..` after it, and might open a path that Deno has not allowed. A
 * relative path is not safe, because another thread may change the current directory
 * between Deno's check and the system call.
 */
export function absolutePath(path: string): string {
  const absolute = path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
  const components: string[] = [];
  for (const component of absolute.split("/")) {
    if (component === "" || component === ".") continue;
    if (component === "..") components.pop();
    else components.push(component);
  }
  // The kernel accepts a path with a final slash only if it is a directory's.
  const end = path.endsWith("/") && components.length > 0 ? "/" : "";
  return `/${components.join("/")}${end}`;
}

/** Returns the directory of an absolute path. */
const directoryOf = (path: string) =>
  path.slice(0, path.lastIndexOf("/")) || "/";

/** The directories for which Deno (2.9) requires more than `--allow-write`. */
const SPECIAL_DIRECTORIES = ["/dev", "/proc", "/sys"];

/** Number of characters that distinguish a path in a special directory from others. */
const START_LENGTH = "/proc/".length;

/**
 * Returns the start of the canonical path of a path's directory; an empty string if the
 * directory does not exist.
 */
function startOfRealDirectory(libc: Libc, path: string): string {
  const name = new TextEncoder().encode(`${directoryOf(path)}\0`);
  const resolved = new Uint8Array(new ArrayBuffer(PATH_MAX));
  if (libc.realpath(name, resolved) === 0n) return "";
  const end = Math.min(resolved.indexOf(0), START_LENGTH);
  // The first TextDecoder of a program takes 0.2 ms (Deno 2.9).
  return String.fromCharCode(...resolved.subarray(0, end));
}

/** Returns whether Deno requires more than `--allow-write` for the path. */
function isSpecial(libc: Libc, path: string): boolean {
  return [path, startOfRealDirectory(libc, path)].some((place) =>
    SPECIAL_DIRECTORIES.some((directory) =>
      place === directory || place.startsWith(`${directory}/`)
    )
  );
}

const ALL_PERMISSIONS = [
  "env",
  "ffi",
  "net",
  "read",
  "run",
  "sys",
  "write",
] as const;

const isAllGranted = () =>
  ALL_PERMISSIONS.every((name) => {
    const status = Deno.permissions.querySync({ name });
    return status.state === "granted" && !status.partial;
  });

const notCapable = (path: string, reason: string) =>
  new Deno.errors.NotCapable(`Cannot open "${path}": ${reason}`);

/** Error for a missing write permission; {@linkcode withWritePrompt} prompts the user. */
export class WriteNotGranted extends Error {
  /** @param path The path that Deno does not allow writing to. */
  constructor(readonly path: string) {
    super(`Write access to "${path}" has not been granted`);
  }
}

/**
 * Requires that Deno allows writing to the path without a prompt.
 *
 * @param path A result of {@linkcode absolutePath}.
 * @throws {WriteNotGranted} If Deno would have to prompt.
 * @throws {Deno.errors.NotCapable} If write permission is not enough there.
 */
export function requireWrite(libc: Libc, path: string): void {
  const { state } = Deno.permissions.querySync({ name: "write", path });
  if (state !== "granted") throw new WriteNotGranted(path);
  if (isSpecial(libc, path) && !isAllGranted()) {
    throw notCapable(
      path,
      "Deno restricts /dev, /proc and /sys to programs with all permissions. " +
        "Choose another directory, or run again with --allow-all",
    );
  }
}

/**
 * Runs `action`, and prompts for write permission and retries if it was missing. The
 * prompt is shown outside `action`, where no lock is held.
 *
 * @throws {Deno.errors.NotCapable} If the user denies it, or cannot be prompted.
 */
export function withWritePrompt<T>(action: () => T): T {
  for (;;) {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof WriteNotGranted)) throw error;
      promptForWrite(error.path);
    }
  }
}

function promptForWrite(path: string): void {
  const { state } = Deno.permissions.requestSync({ name: "write", path });
  if (state === "granted") return;
  throw notCapable(
    path,
    "write access to it is not allowed. " +
      `Run again with --allow-write=${directoryOf(path)}`,
  );
}
