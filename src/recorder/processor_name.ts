/**
 * The processor's name, from /proc/cpuinfo.
 *
 * @module
 */

/**
 * Returns the name of the first processor; undefined if it has none, or if Deno does not allow
 * reading it. Deno (2.9) allows that only to programs with all permissions.
 */
export function processorName(): string | undefined {
  try {
    return parseProcessorName(Deno.readTextFileSync("/proc/cpuinfo"));
  } catch {
    return undefined;
  }
}

/** Parses /proc/cpuinfo. AArch64 has no names in it (Linux 6.1). */
export function parseProcessorName(text: string): string | undefined {
  return /^model name\s*: *(.*\S)/m.exec(text)?.[1];
}
