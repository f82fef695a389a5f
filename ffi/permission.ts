/**
 * Deno's permission for the paths that reach libc, which knows of none.
 *
 * @module
 */

/**
 * The path without `.`, `..` and empty components, by its text alone, as Deno
 * sees it. The kernel would follow a symbolic link before it goes up from it, and
 * end elsewhere than where Deno has allowed.
 */
export function normalizePath(path: string): string {
  const isAbsolute = path.startsWith("/");
  const components: string[] = [];
  for (const component of path.split("/")) {
    if (component === "" || component === ".") continue;
    if (component !== "..") components.push(component);
    else if (components.length > 0 && components.at(-1) !== "..") {
      components.pop();
    } else if (!isAbsolute) components.push(component);
  }
  return (isAbsolute ? "/" : "") + components.join("/") || ".";
}

/** Whether `--allow-write` is not enough for Deno there, as there is more than files. */
function isSpecial(path: string): boolean {
  const absolute = path.startsWith("/")
    ? path
    : normalizePath(`${Deno.cwd()}/${path}`);
  return /^\/(dev|proc|sys)(\/|$)/.test(absolute);
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

/** Asks Deno for leave to write to a normalized path. */
export function requireWrite(path: string): void {
  const { state } = Deno.permissions.requestSync({ name: "write", path });
  if (state !== "granted") {
    const slash = path.lastIndexOf("/");
    const directory = slash < 0 ? "." : path.slice(0, slash) || "/";
    throw new Deno.errors.NotCapable(
      `Cannot open "${path}": write access to it is not allowed. ` +
        `Run again with --allow-write=${directory}`,
    );
  }
  if (isSpecial(path) && !isAllGranted()) {
    throw new Deno.errors.NotCapable(
      `Cannot open "${path}": Deno leaves /dev, /proc and /sys to programs that may do all. ` +
        `Choose another directory, or run again with --allow-all`,
    );
  }
}
