/**
 * Preservation of the recorded processes' dumps in the recording.
 *
 * A dump is linked as soon as a process maps it, so that removing it does not lose it. If it
 * cannot be linked, because it is on another file system or linking is not allowed, it is
 * copied when its process ends, and at the end of the recording.
 *
 * @module
 */

import { LITTLE_ENDIAN } from "../format/struct.ts";
import { FileHeader, JITDUMP_MAGIC } from "../format/file_header.ts";
import type { Mmap2 } from "../perf_data/records.ts";
import { exists } from "./recording_directory.ts";
import type { KeptDump } from "./recording_json.ts";

/** Paths whose last component is the name that perf expects: `jit-<pid>.dump`. */
const DUMP_NAME = /\/(jit-\d+\.dump)(?: \(deleted\))?$/;

interface Entry {
  readonly pid: number;
  readonly dump: Omit<KeptDump, "file">;
  /** Path in the recording; undefined if it could not be linked or copied. */
  file: string | undefined;
  /** True if the file is a copy. */
  isCopied: boolean;
}

/** Keeps dumps in the directory of a recording. */
export class DumpKeeper {
  readonly #directory: string;
  readonly #dumps: string;
  readonly #entries = new Map<string, Entry>();

  /**
   * @param directory The real path of the recording's directory.
   * @param dumps A directory in it.
   */
  constructor(directory: string, dumps: string) {
    this.#directory = directory;
    this.#dumps = dumps;
  }

  /**
   * Keeps the file of a mapping if it is a dump. Never throws.
   *
   * @returns True if another dump has been kept.
   */
  onMapping(record: Mmap2): boolean {
    const { file, filename, pid } = record;
    if (!file || !DUMP_NAME.test(filename) || record.pageOffset !== 0n) {
      return false;
    }
    const { major, minor, inode } = file;
    const key = `${major}:${minor}:${inode}:${filename}`;
    if (this.#entries.has(key)) return false;
    const dump = { path: filename, major, minor, inode: `${inode}` };
    const entry: Entry = { pid, dump, file: undefined, isCopied: false };
    this.#entries.set(key, entry);
    this.#keep(entry);
    return entry.file !== undefined;
  }

  /** Copies the dumps of a process that has ended. */
  onExit(pid: number): void {
    for (const entry of this.#entries.values()) {
      if (entry.pid !== pid) continue;
      if (entry.isCopied || entry.file === undefined) this.#keep(entry);
    }
  }

  /** Copies the dumps that could not be linked. */
  finish(): void {
    for (const entry of this.#entries.values()) {
      const isOwn = entry.dump.path.startsWith(`${this.#directory}/`);
      // Another process of the program may have renamed the dump.
      if (isOwn || entry.isCopied || entry.file === undefined) {
        this.#keep(entry);
      }
    }
  }

  /** The dumps in the recording. */
  get kept(): KeptDump[] {
    return this.#entries.values().toArray().flatMap(({ dump, file }) =>
      file === undefined ? [] : [{ ...dump, file }]
    );
  }

  #keep(entry: Entry): void {
    const source = findDump(entry);
    if (source === undefined) return;
    const own = `${this.#directory}/`;
    if (source.startsWith(own)) {
      entry.file = source.slice(own.length);
      return;
    }
    try {
      const file = entry.file ?? this.#newFile(source);
      const target = own + file;
      if (entry.isCopied || !link(source, target)) {
        Deno.copyFileSync(source, target);
        entry.isCopied = true;
      }
      entry.file = file;
    } catch {
      // The report has a hint on a missing dump.
    }
  }

  /** Returns an unused path for a dump with the name of the source. */
  #newFile(source: string): string {
    const name = source.slice(source.lastIndexOf("/") + 1);
    for (let number = 1;; number++) {
      // Not directly in JITDUMPDIR, because a program there could mistake the link for its
      // own dump.
      const directory = `${this.#dumps}/kept/${number}`;
      Deno.mkdirSync(directory, { recursive: true });
      const path = `${directory}/${name}`;
      if (!exists(path)) return path.slice(this.#directory.length + 1);
    }
  }
}

/** Returns the current path of a dump; undefined if it is not found. */
function findDump({ pid, dump }: Entry): string | undefined {
  const path = dump.path.replace(/ \(deleted\)$/, "");
  const candidates = [path, `${path}.old`, `/proc/${pid}/root${path}`];
  return candidates.find((candidate) => hasInode(candidate, dump.inode)) ??
    candidates.find((candidate) => isDumpOf(candidate, pid));
}

function hasInode(path: string, inode: string): boolean {
  try {
    return `${Deno.statSync(path).ino}` === inode;
  } catch {
    return false;
  }
}

/**
 * Returns whether a file is a process's dump. The inode does not show it, because some file
 * systems report another one than the kernel.
 */
function isDumpOf(path: string, pid: number): boolean {
  try {
    using file = Deno.openSync(path);
    const bytes = new Uint8Array(FileHeader.size);
    if (file.readSync(bytes) !== bytes.length) return false;
    const header = FileHeader.unpack(bytes, LITTLE_ENDIAN);
    return header.magic === JITDUMP_MAGIC && header.pid === pid;
  } catch {
    return false;
  }
}

/** Links a file; returns false if that is impossible. */
function link(source: string, target: string): boolean {
  try {
    Deno.linkSync(source, target);
    return true;
  } catch {
    return false;
  }
}
