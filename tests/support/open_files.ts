/**
 * Open files and mappings of this process, by path, because other tests run in threads of
 * the same process.
 *
 * @module
 */

/** Returns the number of descriptors that are open on a path, or below a directory. */
export function descriptorsOn(path: string): number {
  return Array.from(Deno.readDirSync("/proc/self/fd"), ({ name }) => {
    try {
      return Deno.readLinkSync(`/proc/self/fd/${name}`);
    } catch {
      return ""; // closed by now
    }
  }).filter((target) => isOn(target, path)).length;
}

/** Returns the lines of /proc/self/maps about a path, or about paths below a directory. */
export function mappingsOn(path: string): string[] {
  return Deno.readTextFileSync("/proc/self/maps").split("\n").filter((line) =>
    isOn(line.slice(line.indexOf("/")), path)
  );
}

const isOn = (file: string, path: string) =>
  file === path || file.startsWith(`${path}/`) || file === `${path} (deleted)`;
