/**
 * The processor's name, from /proc/cpuinfo.
 *
 * @module
 */

/**
 * Returns the name of the first processor; undefined if it has none or reading it is not
 * allowed. Deno (2.9) allows reading it only to programs with all permissions.
 */
export function processorName(): string | undefined {
  try {
    return parseProcessorName(Deno.readTextFileSync("/proc/cpuinfo"));
  } catch {
    return undefined;
  }
}

/** Parses /proc/cpuinfo, which contains no names on AArch64 (Linux 6.1). */
export function parseProcessorName(text: string): string | undefined {
  return /^model name\s*: *(.*\S)/m.exec(text)?.[1];
}
