/**
 * Time namespaces.
 *
 * @module
 */

const SECOND = 1_000_000_000n;

/**
 * Returns the nanoseconds by which CLOCK_MONOTONIC of a running process is ahead of the
 * machine's (Linux 5.6 and later); 0 if that is unknown. Deno 2.9 requires --allow-all for
 * it. Never prompts.
 */
export function timeOffsetOf(pid: number): bigint {
  const path = `/proc/${pid}/timens_offsets`;
  const { state } = Deno.permissions.querySync({ name: "read", path });
  if (state !== "granted") return 0n;
  try {
    const text = Deno.readTextFileSync(path);
    const offsets = /^monotonic\s+(-?\d+)\s+(\d+)/m.exec(text);
    if (!offsets) return 0n;
    return BigInt(offsets[1]) * SECOND + BigInt(offsets[2]);
  } catch {
    return 0n; // the process has ended, or the kernel has no time namespaces
  }
}
