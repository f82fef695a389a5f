/**
 * Deno's permission for the paths that reach libc, which knows of none.
 *
 * @module
 */

import type { Libc } from "./libc.ts";

/** `PATH_MAX` of <linux/limits.h>. */
const PATH_MAX = 4096;

/**
 * The absolute path without `.`, `..` and empty components, by its text alone, as
 * Deno sees it. The kernel would follow a symbolic link before it goes up from it, and
 * end elsewhere than where Deno has allowed; and another thread may change the current
 * directory between Deno's look at the path and the kernel's.
 */
export function absolutePath(path: string): string {
  const absolute = path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
  const components: string[] = [];
  for (const component of absolute.split("/")) {
    if (component === "" || component === ".") continue;
    if (component === "..") components.pop();
    else components.push(component);
  }
  // A directory's, as the kernel sees it.
  const end = path.endsWith("/") && components.length > 0 ? "/" : "";
  return `/${components.join("/")}${end}`;
}

/** The directory of an absolute path, where it really is; undefined where it is not. */
function realDirectory(libc: Libc, path: string): string | undefined {
  const directory = path.slice(0, path.lastIndexOf("/")) || "/";
  const name = new TextEncoder().encode(`${directory}\0`);
  const resolved = new Uint8Array(new ArrayBuffer(PATH_MAX));
  if (libc.realpath(name, resolved) === 0n) return undefined;
  return new TextDecoder().decode(resolved.subarray(0, resolved.indexOf(0)));
}

/** Whether `--allow-write` is not enough for Deno there, as there is more than files. */
function isSpecial(libc: Libc, path: string): boolean {
  return [path, realDirectory(libc, path)]
    .some((place) => /^\/(dev|proc|sys)(\/|$)/.test(place ?? ""));
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

const notAllowed = (path: string, why: string) =>
  new Deno.errors.NotCapable(`Cannot open "${path}": ${why}`);

/** Somebody has to be asked for leave to write: {@linkcode askForWrite}. */
export class WriteNotGranted extends Error {
  /** The path that it is about. */
  readonly path: string;

  constructor(path: string) {
    super(`write access to "${path}" has not been granted`);
    this.path = path;
  }
}

/**
 * Goes on only where Deno allows writing without asking anybody.
 *
 * @param path What {@linkcode absolutePath} has given.
 * @throws {WriteNotGranted} If it would have to ask.
 * @throws {Deno.errors.NotCapable} If leave to write is not enough there.
 */
export function requireWrite(libc: Libc, path: string): void {
  const { state } = Deno.permissions.querySync({ name: "write", path });
  if (state !== "granted") throw new WriteNotGranted(path);
  if (isSpecial(libc, path) && !isAllGranted()) {
    throw notAllowed(
      path,
      "Deno leaves /dev, /proc and /sys to programs that may do all. " +
        "Choose another directory, or run again with --allow-all",
    );
  }
}

/**
 * Asks the user for leave to write, where there is one to ask.
 *
 * @throws {Deno.errors.NotCapable} If it is not given.
 */
export function askForWrite(path: string): void {
  const { state } = Deno.permissions.requestSync({ name: "write", path });
  if (state === "granted") return;
  const directory = path.slice(0, path.lastIndexOf("/")) || "/";
  throw notAllowed(
    path,
    "write access to it is not allowed. " +
      `Run again with --allow-write=${directory}`,
  );
}
