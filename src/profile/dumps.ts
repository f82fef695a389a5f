/**
 * The dumps of a recording's processes.
 *
 * @module
 */

import { DumpedCode } from "./dumped_code.ts";
import type { Mapping } from "./address_space.ts";
import type { Hint } from "./hint.ts";
import {
  firstTime,
  type ReadDump,
  readDump,
  type RecordingClock,
} from "./read_dump.ts";
import { timeOffsetOf } from "./time_namespace.ts";
import { FileHeader } from "../format/file_header.ts";
import { byteOrderOf } from "../reader/dump_magic.ts";
import { mappingKey } from "./recording.ts";

/** The name that perf expects: `jit-<pid>.dump`. */
const DUMP_NAME = /(?:^|\/)jit-\d+\.dump$/;

/** Suffix that the kernel appends to the path of a deleted file. */
const DELETED = / \(deleted\)$/;

/** Suffix of a dump that a later process with the same id has renamed. */
const OLD = ".old";

/** Maximum nanoseconds between a mapping and the first function of its dump: a minute. */
const SOON = 60_000_000_000n;

/** A dump with its functions. */
export interface Dump extends ReadDump {
  /** The path of the file that was read. */
  readonly path: string;
  /** The code of each process that its records name. */
  readonly codes: ReadonlyMap<number, DumpedCode>;
}

/** The path of a dump, or the reason why it was not found. */
interface Located {
  readonly path?: string;
  readonly failure: Failure;
}

/** Options for {@linkcode Dumps}. */
export interface DumpsOptions {
  /** Directories of moved dumps, in the order of preference. */
  readonly directories: readonly string[];
  /** Paths of dumps that the recording contains, by {@linkcode mappingKey}. */
  readonly kept: ReadonlyMap<string, string>;
  /** Returns whether the recording is of this machine. If so, /proc/PID is searched too. */
  readonly isThisMachine: () => boolean | undefined;
}

/** Returns whether a mapping can be the marker of a dump. */
export function mayBeDump(path: string, pageOffset: number): boolean {
  return pageOffset === 0 && path.startsWith("/") &&
    !path.startsWith("//") && !path.startsWith("/memfd:");
}

/**
 * Finds and reads dumps. A file is identified by the recorded device and inode, because its
 * path may belong to another file now: the next process with that path renames it. Copied
 * files have other inodes, and are found by their names.
 */
export class Dumps {
  readonly #options: DumpsOptions;
  /** Dumps by the identity of the mapped file. */
  readonly #byMapping = new Map<string, Dump | undefined>();
  readonly #byPath = new Map<string, Dump>();
  readonly #hints: Hint[] = [];

  constructor(options: DumpsOptions) {
    this.#options = options;
  }

  /** The dumps that were read. */
  get all(): Dump[] {
    return [...this.#byPath.values()];
  }

  /** Hints on dumps that cannot be read, or not completely. */
  get hints(): readonly Hint[] {
    return this.#hints;
  }

  /** True if any process has mapped a dump, even one that cannot be read. */
  get areNamed(): boolean {
    return this.#byPath.size > 0 || this.#hints.length > 0;
  }

  /** Returns the mapped dump, if it is one and can be read. Never throws. */
  of(mapping: Mapping, clock: () => RecordingClock): Dump | undefined {
    const { path, major, minor, inode } = mapping.file;
    if (!mayBeDump(path, mapping.pageOffset)) return undefined;
    const key = mappingKey(major, minor, inode, path);
    if (!this.#byMapping.has(key)) {
      this.#byMapping.set(key, this.#find(mapping, clock));
    }
    return this.#byMapping.get(key);
  }

  #find(mapping: Mapping, clock: () => RecordingClock): Dump | undefined {
    const recorded = mapping.file.path.replace(DELETED, "");
    const isNamed = DUMP_NAME.test(recorded);
    const recording = clock();
    // The age of a copy is unknown if the times are from another clock.
    const time = recording.isMonotonic ? mapping.time : 0n;
    const { path, failure } = this.#locateKept(mapping) ??
      this.#locate({ ...mapping, time }, recorded, isNamed);
    if (path === undefined) {
      if (isNamed) this.#hints.push(missing(recorded, failure));
      return undefined;
    }
    const known = this.#byPath.get(path);
    if (known) return known;
    try {
      const isAlive = this.#options.isThisMachine() === true;
      const read = readDump(path, recording, {
        mappedAt: time,
        clockOffset: isAlive ? timeOffsetOf(mapping.pid) : 0n,
      });
      const startTime = read.clock === "unknown"
        ? undefined
        : recording.startTime;
      const codes = new Map(
        read.histories.entries().map(([pid, history]) => [
          pid,
          new DumpedCode(history, startTime),
        ]),
      );
      const dump = { ...read, path, codes };
      this.#byPath.set(path, dump);
      this.#hints.push(...read.hints);
      return dump;
    } catch (error) {
      this.#hints.push(missing(path, failureOf(error)));
      return undefined;
    }
  }

  /** Returns the path of the dump in the recording, if the recording contains it. */
  #locateKept({ file }: Mapping): Located | undefined {
    const key = mappingKey(file.major, file.minor, file.inode, file.path);
    const path = this.#options.kept.get(key);
    if (path === undefined) return undefined;
    try {
      const { isFile } = Deno.statSync(path);
      return isFile ? { path, failure: NO_SUCH_FILE } : undefined;
    } catch {
      return undefined;
    }
  }

  /** Returns the current path of the file, or the reason why it was not found. */
  #locate(
    mapping: Mapping,
    recorded: string,
    isNamed: boolean,
  ): Located {
    const { inode } = mapping.file;
    let failure = NO_SUCH_FILE;
    let byName: string | undefined;
    for (const path of this.#candidates(mapping, recorded)) {
      let info: Deno.FileInfo;
      try {
        checkPermission(path);
        info = Deno.statSync(path);
        if (!info.isFile) continue;
        if (!isNamed && byteOrderOf(startOf(path)) === undefined) continue;
      } catch (error) {
        // Errors in the root directory of an ended process are expected.
        const isRoot = path.startsWith("/proc/");
        if (!isMissing(error) && !isRoot) failure = failureOf(error);
        continue;
      }
      // Overlay and network file systems report other devices than the kernel records.
      if (inode === 0 || info.ino === inode) return { path, failure };
      if (byName !== undefined) continue;
      if (this.#isCopy(path, mapping)) byName = path;
      else failure = REPLACED;
    }
    return { path: byName, failure };
  }

  *#candidates(mapping: Mapping, recorded: string): Generator<string> {
    const roots = this.#options.isThisMachine() && mapping.pid > 0
      ? ["", `/proc/${mapping.pid}/root`]
      : [""];
    for (const root of roots) {
      yield root + recorded;
      yield root + recorded + OLD;
    }
    const name = recorded.slice(recorded.lastIndexOf("/") + 1);
    for (const directory of this.#options.directories) {
      yield `${directory}/${name}`;
      yield `${directory}/${name}${OLD}`;
    }
  }

  /**
   * Returns whether a file may be a copy of the mapped one: it is of the recorded process, and
   * its first function is recorded soon after the mapping. In a container the process has
   * another id, which is in the file's name.
   */
  #isCopy(path: string, { pid, file, time }: Mapping): boolean {
    const named = Number(/(\d+)\.dump/.exec(file.path)?.[1]);
    try {
      const header = headerOf(path);
      if (header === undefined || this.#byPath.has(path)) return false;
      if (header.pid !== pid && header.pid !== named) return false;
      const first = firstTime(path);
      // Mappings that existed before the recording have no time.
      if (first === undefined || time === 0n || header.isFlagged) return true;
      const delay = first - time;
      return -SOON <= delay && delay <= SOON;
    } catch {
      return false;
    }
  }
}

/** The reason why a dump cannot be read, and a remedy. */
interface Failure {
  readonly problem: string;
  readonly remedy: string;
}

const NO_SUCH_FILE: Failure = {
  problem: "no such file",
  remedy: "restore it, or pass its directory with --dumps",
};

const REPLACED: Failure = {
  problem:
    "the file with that name is from another time: another process has written it since, or the dump has another clock",
  remedy: "pass the directory of a copy with --dumps",
};

function failureOf(error: unknown): Failure {
  if (error instanceof Deno.errors.NotCapable) {
    return {
      problem: "Deno does not allow it",
      remedy: "run with --allow-read",
    };
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return {
      problem: "permission denied",
      remedy: "run as the user who recorded it, or as root",
    };
  }
  return { ...NO_SUCH_FILE, problem: (error as Error).message };
}

/** Throws if reading a path of the recording is not allowed, so that Deno does not prompt. */
function checkPermission(path: string): void {
  const { state } = Deno.permissions.querySync({ name: "read", path });
  if (state !== "granted") throw new Deno.errors.NotCapable(path);
}

function missing(path: string, { problem, remedy }: Failure): Hint {
  return {
    text:
      `the dump ${path} cannot be read (${problem}), so its functions have no names`,
    remedy,
  };
}

function isMissing(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.NotADirectory;
}

/** Reads the start of a file. */
function startOf(path: string): Uint8Array<ArrayBuffer> {
  using file = Deno.openSync(path);
  const bytes = new Uint8Array(FileHeader.size);
  const size = file.readSync(bytes) ?? 0;
  return bytes.subarray(0, size);
}

/** Returns the process and the flags of a dump; undefined if the file is not a dump. */
function headerOf(
  path: string,
): { pid: number; isFlagged: boolean } | undefined {
  const bytes = startOf(path);
  const isLittleEndian = byteOrderOf(bytes);
  if (isLittleEndian === undefined || bytes.length < FileHeader.size) {
    return undefined;
  }
  const { pid, flags } = FileHeader.unpack(bytes, isLittleEndian);
  return { pid, isFlagged: flags !== 0n };
}
