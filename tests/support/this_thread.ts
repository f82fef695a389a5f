/**
 * CPU time and memory of the calling thread, without those of tests in other threads and
 * of other programs.
 *
 * @module
 */

/** Position of utime after the command's name in /proc/PID/stat; stime follows it. */
const UTIME = 11;

/** Milliseconds in a clock tick of /proc: USER_HZ is 100 on x86-64 and AArch64. */
const TICK_MS = 10;

/** Returns the milliseconds for which the thread has run on a processor. */
export function cpuTime(): number {
  const stat = Deno.readTextFileSync("/proc/thread-self/stat");
  // The name may contain spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return TICK_MS * (Number(fields[UTIME]) + Number(fields[UTIME + 1]));
}

/** Returns the size in bytes of the thread's heap and of its array buffers. */
export function memoryInUse(): number {
  const { heapTotal, external } = Deno.memoryUsage();
  return heapTotal + external;
}
