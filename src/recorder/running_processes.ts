/**
 * Processes that run when a recording starts, from /proc.
 *
 * Deno (2.9) allows reading /proc only to programs with all permissions.
 *
 * @module
 */

import type { RunningMapping } from "../perf_data/new_records.ts";

const PROT = { r: 1, w: 2, x: 4 };
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;

/** A line of /proc/PID/maps: addresses, protection, offset, device, inode, path. */
const MAPS_LINE =
  /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) ([0-9a-f]+):([0-9a-f]+) (\d+) *(.*)$/;

/** Returns the names in a directory that are numbers; none if it does not exist. */
function numbersIn(directory: string): number[] {
  try {
    return Array.from(Deno.readDirSync(directory), ({ name }) => Number(name))
      .filter((number) => number > 0).sort((a, b) => a - b);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return [];
  }
}

/** Reads a file of /proc; returns "" if its process has ended, or is another user's. */
function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return "";
  }
}

/** Returns the ids of all processes. */
export function processIds(): number[] {
  return numbersIn("/proc");
}

/** Returns the ids of a process's threads; none if the process does not exist. */
export function threadIds(pid: number): number[] {
  return numbersIn(`/proc/${pid}/task`);
}

/** Returns whether a process has ended, even if its parent has not waited for it. */
export function hasEnded(pid: number): boolean {
  const stat = read(`/proc/${pid}/stat`);
  // The name in parentheses may contain any character.
  const state = stat.slice(stat.lastIndexOf(")") + 2)[0];
  return state === undefined || state === "Z" || state === "X";
}

/** Returns the name of a thread; undefined if it has ended. */
export function threadName(pid: number, tid: number): string | undefined {
  return read(`/proc/${pid}/task/${tid}/comm`).replace(/\n$/, "") || undefined;
}

/** Returns the executable mappings of a process. */
export function mappedCode(pid: number): RunningMapping[] {
  return parseMaps(read(`/proc/${pid}/maps`), pid);
}

/** Parses /proc/PID/maps; returns the executable mappings. */
export function parseMaps(text: string, pid: number): RunningMapping[] {
  return text.split("\n").flatMap((line) => {
    const match = MAPS_LINE.exec(line);
    if (!match || match[3][2] !== "x") return [];
    const [, from, to, protection, offset, major, minor, inode, path] = match;
    const start = BigInt(`0x${from}`);
    return [{
      pid,
      start,
      size: BigInt(`0x${to}`) - start,
      pageOffset: BigInt(`0x${offset}`),
      major: parseInt(major, 16),
      minor: parseInt(minor, 16),
      inode: BigInt(inode),
      protection: (protection[0] === "r" ? PROT.r : 0) |
        (protection[1] === "w" ? PROT.w : 0) | PROT.x,
      flags: protection[3] === "s" ? MAP_SHARED : MAP_PRIVATE,
      // The kernel writes a newline as \012. perf (6.1) names anonymous memory //anon.
      path: path.replaceAll("\\012", "\n") || "//anon",
    }];
  });
}
