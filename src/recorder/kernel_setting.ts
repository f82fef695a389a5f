/**
 * The kernel's settings for recording.
 *
 * @module
 */

/**
 * Returns a number of /proc/sys/kernel; undefined if it does not exist or reading it is not
 * allowed. Deno (2.9) allows reading it only to programs with all permissions.
 */
export function kernelSetting(name: string): number | undefined {
  try {
    return Number(Deno.readTextFileSync(`/proc/sys/kernel/${name}`));
  } catch {
    return undefined;
  }
}
