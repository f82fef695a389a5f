/**
 * The processes of a recording, with their names, mappings and dumps.
 *
 * @module
 */

import type { Address } from "../symbols/address.ts";
import {
  AddressSpaces,
  type Mapping,
  type MappingRecord,
} from "./address_space.ts";
import type { DumpedCode } from "./dumped_code.ts";
import type { Dump } from "./dumps.ts";
import { mayBeDump } from "./dumps.ts";

/** A dump that describes code of a process. */
export interface DumpUse {
  readonly dump: Dump;
  /** The functions of one process that has written to it. */
  readonly code: DumpedCode;
  /** Time after which its functions do not apply: a child has its parent's up to the fork. */
  readonly until: number;
  /** True if the functions are another process's, and apply only in shared memory. */
  readonly isForeign: boolean;
}

/**
 * Returns the uses of a dump by a process that has mapped it. Children of `fork()` append to
 * their parent's dump; then its records name several processes.
 */
function usesOf(dump: Dump, pid: number): DumpUse[] {
  const { codes } = dump;
  // In a container the process has another id.
  const own = codes.get(pid) ?? codes.get(dump.pid) ??
    codes.values().next().value;
  return [...codes.values()].map((code) => ({
    ...{ dump, code, until: Infinity },
    isForeign: code !== own,
  })).sort((a, b) => Number(a.isForeign) - Number(b.isForeign));
}

/** Returns the uses of a dump by a child. */
function inherited(use: DumpUse, pid: number, time: number): DumpUse[] {
  const { dump, code, until, isForeign } = use;
  const isOwn = code === dump.codes.get(pid);
  if (isForeign || isOwn) return [{ ...use, isForeign: !isOwn }];
  return [
    { ...use, until: Math.min(until, time) },
    { ...use, isForeign: true },
  ];
}

/** A cached frame, and the mapping at its address. */
export interface KnownName {
  readonly mapping: Mapping | undefined;
  readonly frame: number;
  /** The process's version for which the mapping is valid. */
  version: number;
}

let nextSpace = 0;

/** A process. */
export class Process {
  readonly pid: number;
  #dumps: readonly DumpUse[] = [];
  /** Number of its current state, which changes with its dumps and late files. */
  space = nextSpace++;
  /** Number of changes of its address space. */
  version = 0;
  /** Native names by address. */
  readonly names = new Map<Address, KnownName>();
  /** Address range of files that were mapped after the first dump, and may replace its code. */
  lateStart = Infinity;
  lateEnd = -Infinity;

  constructor(pid: number) {
    this.pid = pid;
  }

  /** The dumps that describe its code. */
  get dumps(): readonly DumpUse[] {
    return this.#dumps;
  }

  set dumps(dumps: readonly DumpUse[]) {
    this.#dumps = dumps;
    this.space = nextSpace++;
  }

  /** Adds the addresses of a file that was mapped after the first dump. */
  addLate(start: Address, end: Address): void {
    if (start >= this.lateStart && end <= this.lateEnd) return;
    this.lateStart = Math.min(this.lateStart, start);
    this.lateEnd = Math.max(this.lateEnd, end);
    this.space = nextSpace++;
  }
}

/** All processes of a recording, in the state after the last record. */
export class Processes {
  readonly spaces = new AddressSpaces();
  readonly #processes = new Map<number, Process>();
  /** Names of threads. */
  readonly #commands = new Map<number, string>();

  /** Returns a process. */
  get(pid: number): Process {
    let process = this.#processes.get(pid);
    if (!process) this.#processes.set(pid, process = new Process(pid));
    return process;
  }

  /** Returns the name of a thread, or `:tid`, like perf, if it is unknown. */
  commandOf(tid: number): string {
    return this.#commands.get(tid) ?? `:${tid}`;
  }

  /** Adds a mapping; returns it if it is of executable code. */
  map(record: MappingRecord): Mapping | undefined {
    const mapping = this.spaces.map(record);
    if (mapping === undefined) return undefined;
    const process = this.get(record.pid);
    process.version++;
    if (process.dumps.length > 0 && mayBeDump(mapping.file.path, 0)) {
      process.addLate(mapping.start, mapping.end);
    }
    return mapping;
  }

  /** Adds a dump that a process has mapped. */
  addDump(pid: number, dump: Dump): void {
    const process = this.get(pid);
    const others = process.dumps.filter((use) => use.dump !== dump);
    process.dumps = [...others, ...usesOf(dump, pid)];
  }

  /** Names a thread. An exec clears the process's mappings and dumps. */
  rename(pid: number, tid: number, command: string, isExec: boolean): void {
    this.#commands.set(tid, command);
    if (!isExec) return;
    this.spaces.exec(pid);
    this.#processes.delete(pid);
  }

  /** Adds a thread, or a process with the current mappings and dumps of its parent. */
  fork(
    task: { pid: number; tid: number; parentPid: number; parentTid: number },
    time: number,
  ): void {
    const { pid, tid, parentPid, parentTid } = task;
    const command = this.#commands.get(parentTid);
    if (command !== undefined) this.#commands.set(tid, command);
    if (pid === parentPid) return;
    this.spaces.fork(pid, parentPid);
    this.#processes.delete(pid);
    const parent = this.#processes.get(parentPid);
    if (parent === undefined) return;
    const child = this.get(pid);
    const rank = ({ dump, code, isForeign }: DumpUse) =>
      isForeign ? 2 : code === dump.codes.get(pid) ? 0 : 1;
    child.dumps = parent.dumps.flatMap((use) => inherited(use, pid, time))
      .sort((a, b) => rank(a) - rank(b));
    child.lateStart = parent.lateStart;
    child.lateEnd = parent.lateEnd;
  }

  /** Discards the cached names of a process that has ended. */
  exit(pid: number, tid: number): void {
    if (pid === tid) this.#processes.get(pid)?.names.clear();
  }
}
