/**
 * The dumps that a recording's processes have mapped.
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
import { FileHeader } from "../format/file_header.ts";

/** The name that perf wants: `jit-<pid>.dump`. */
const DUMP_NAME = /(?:^|\/)jit-\d+\.dump$/;

/** The first bytes of a dump, in both byte orders. */
const MAGICS = [0x4a69_5444, 0x4454_694a];

/** What the kernel appends to the path of a file without a name. */
const DELETED = / \(deleted\)$/;

/** Name that a dump of an earlier process gets, if a later one needs its name. */
const OLD = ".old";

/** Most nanoseconds between a mapping and the first function of its dump: a minute. */
const SOON = 60_000_000_000n;

/** A dump with its functions. */
export interface Dump extends ReadDump {
  /** The path at which it was found. */
  readonly path: string;
  readonly code: DumpedCode;
}

/** Options for {@linkcode Dumps}. */
export interface DumpsOptions {
  /** Directories in which dumps are that have moved, in the order of preference. */
  readonly directories: readonly string[];
  /** Whether the recorded processes may still live here, so that /proc/PID is checked. */
  readonly isThisMachine: () => boolean | undefined;
}

/** Returns whether a mapping may be the one by which a dump is found. */
export function mayBeDump(path: string, pageOffset: number): boolean {
  return pageOffset === 0 && path.startsWith("/") &&
    !path.startsWith("//") && !path.startsWith("/memfd:");
}

/**
 * Finds and reads dumps. A file is identified by the device and inode that the kernel has
 * recorded, because its path may be another one's by now: the next process with that path
 * renames it. Files that were copied have other inodes, and are found by their name.
 */
export class Dumps {
  readonly #options: DumpsOptions;
  /** Dumps by the identity of their mapping. */
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

  /** What is missing. */
  get hints(): readonly Hint[] {
    return this.#hints;
  }

  /** Whether any process had mapped a dump, also one that could not be read. */
  get areNamed(): boolean {
    return this.#byPath.size > 0 || this.#hints.length > 0;
  }

  /** Returns the dump that is mapped, if it is one and can be read. Never throws. */
  of(mapping: Mapping, clock: () => RecordingClock): Dump | undefined {
    const { path, major, minor, inode } = mapping.file;
    if (!mayBeDump(path, mapping.pageOffset)) return undefined;
    const key = `${major}:${minor}:${inode}:${path}`;
    if (!this.#byMapping.has(key)) {
      this.#byMapping.set(key, this.#find(mapping, clock));
    }
    return this.#byMapping.get(key);
  }

  #find(mapping: Mapping, clock: () => RecordingClock): Dump | undefined {
    const recorded = mapping.file.path.replace(DELETED, "");
    const isNamed = DUMP_NAME.test(recorded);
    const { path, problem } = this.#locate(mapping, recorded, isNamed);
    if (path === undefined) {
      if (isNamed) this.#hints.push(missing(recorded, problem));
      return undefined;
    }
    const known = this.#byPath.get(path);
    if (known) return known;
    try {
      const recording = clock();
      const read = readDump(path, recording);
      const code = new DumpedCode(read.timeline, recording.startTime);
      const dump = { ...read, path, code };
      this.#byPath.set(path, dump);
      this.#hints.push(...read.hints);
      return dump;
    } catch (error) {
      this.#hints.push(missing(path, (error as Error).message));
      return undefined;
    }
  }

  /** Returns where the file is by now, or why it is nowhere. */
  #locate(
    mapping: Mapping,
    recorded: string,
    isNamed: boolean,
  ): { path?: string; problem: string } {
    const { inode } = mapping.file;
    let problem = "no such file";
    let byName: string | undefined;
    for (const path of this.#candidates(mapping, recorded)) {
      let info: Deno.FileInfo;
      try {
        info = Deno.statSync(path);
        if (!info.isFile) continue;
        if (!isNamed && !hasMagic(path)) continue;
      } catch (error) {
        if (!isMissing(error)) problem = (error as Error).message;
        continue;
      }
      // Overlay and network file systems report other devices than the kernel records.
      if (inode === 0 || info.ino === inode) return { path, problem };
      if (byName !== undefined) continue;
      if (this.#isCopy(path, mapping)) byName = path;
      else problem = "another process has written a dump of that name since";
    }
    return { path: byName, problem };
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
   * Whether a file that is not the one that was mapped may be a copy of it: its process is
   * the one that was recorded, and it began to make functions soon after the mapping. In a
   * container the process is known by another number, which the name has.
   */
  #isCopy(path: string, { pid, file, time }: Mapping): boolean {
    const named = Number(/(\d+)\.dump/.exec(file.path)?.[1]);
    try {
      const header = headerOf(path);
      if (header === undefined || this.#byPath.has(path)) return false;
      if (header.pid !== pid && header.pid !== named) return false;
      const first = firstTime(path);
      // A process that ran before the recording has no time of its mappings.
      if (first === undefined || time === 0n || header.isFlagged) return true;
      const delay = first - time;
      return -SOON <= delay && delay <= SOON;
    } catch {
      return false;
    }
  }
}

function missing(path: string, problem: string): Hint {
  return {
    text:
      `the dump ${path} cannot be read (${problem}), so its functions have no names`,
    cure: "restore it, or name the directory it is in with --dumps",
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

function hasMagic(path: string): boolean {
  const bytes = startOf(path);
  if (bytes.length < 4) return false;
  return MAGICS.includes(new DataView(bytes.buffer).getUint32(0));
}

/** Returns a dump's process; undefined if it is no dump. */
function headerOf(
  path: string,
): { pid: number; isFlagged: boolean } | undefined {
  const bytes = startOf(path);
  if (bytes.length < FileHeader.size) return undefined;
  const view = new DataView(bytes.buffer);
  const magic = view.getUint32(FileHeader.offsets.magic);
  if (!MAGICS.includes(magic)) return undefined;
  const isLittleEndian = magic === MAGICS[1];
  const { pid, flags } = FileHeader.offsets;
  return {
    pid: view.getUint32(pid, isLittleEndian),
    isFlagged: view.getBigUint64(flags, isLittleEndian) !== 0n,
  };
}
