/**
 * The directory of a recording.
 *
 *     perf.data  recording.json  dumps/START/   the last good recording
 *     old/                                      the preceding recording, in the same form
 *     new/perf.data  new/recording.json         a running recording, or one that was killed
 *     .lock                                     locked by the recorder that uses the directory
 *
 * START is the time of the recording's start. Dumps keep the paths at which processes have
 * mapped them, because perf (6.1 to 7.2) finds them only there.
 *
 * @module
 */

import { openRegularFile } from "../../ffi/directory.ts";
import type { OpenFile } from "../../ffi/file.ts";
import type { Libc } from "../../ffi/libc.ts";
import { tryLock } from "../../ffi/lock.ts";
import { absolutePath, withWritePrompt } from "../../ffi/permission.ts";
import type { RecordingDescription, RecordingStart } from "./recording_json.ts";

/** Name of the file with the samples. */
export const DATA = "perf.data";

/** Name of the file that describes the recording. */
export const DESCRIPTION = "recording.json";

/** Name of the directory of dumps. */
const DUMPS = "dumps";

/** A directory, used by one recorder at a time. */
export class RecordingDirectory {
  /** The real path. */
  readonly path: string;
  readonly #lock: OpenFile;
  /** True if the directory was created for this recording. */
  readonly #isCreated: boolean;

  /** Path of the new recording's dumps in the directory. */
  readonly #newDumps: string;

  /**
   * Creates the directory if it does not exist, locks it, and removes the files that a killed
   * recorder has left in it.
   *
   * @param started The start of the recording.
   * @throws {Error} If another recorder uses it.
   */
  constructor(libc: Libc, path: string, started: Date) {
    this.#isCreated = !exists(path);
    Deno.mkdirSync(path, { recursive: true });
    this.path = Deno.realPathSync(path);
    const lockPath = absolutePath(`${this.path}/.lock`);
    this.#lock = withWritePrompt(() => openRegularFile(libc, lockPath)).file;
    if (!isLocked(this.#lock)) {
      this.#lock.close();
      throw new Error(
        `another jitdump record writes to ${path}: wait for it, or choose another --out`,
      );
    }
    this.#removeKilled();
    const start = started.toISOString().replaceAll(/[:.]/g, "-");
    this.#newDumps = `${DUMPS}/${start}`;
    Deno.mkdirSync(this.new, { recursive: true });
    Deno.mkdirSync(this.dumps, { recursive: true });
  }

  /** Path of the new recording. */
  get new(): string {
    return `${this.path}/new`;
  }

  /** Path of the new recording's samples. */
  get data(): string {
    return `${this.new}/${DATA}`;
  }

  /** Path of the new recording's dumps. */
  get dumps(): string {
    return `${this.path}/${this.#newDumps}`;
  }

  /** Writes `new/recording.json`. A recorder that is killed leaves the last complete version. */
  describe(description: RecordingStart | RecordingDescription): void {
    const text = `${JSON.stringify(description, undefined, 2)}\n`;
    const path = `${this.new}/${DESCRIPTION}`;
    Deno.writeTextFileSync(`${path}.part`, text);
    Deno.renameSync(`${path}.part`, path);
  }

  /** Moves the last recording to `old/`, and the new one to its place. */
  keep(description: RecordingDescription): void {
    this.describe(description);
    const old = `${this.path}/old`;
    if (exists(`${this.path}/${DATA}`)) {
      remove(old);
      Deno.mkdirSync(`${old}/${DUMPS}`, { recursive: true });
      move(this.path, old, [DATA, DESCRIPTION, ...this.#otherDumps()]);
    }
    move(this.new, this.path, [DATA, DESCRIPTION]);
    remove(this.new);
  }

  /** Removes the new recording. */
  discard(): void {
    remove(this.new);
    remove(this.dumps);
    const dumps = `${this.path}/${DUMPS}`;
    if (namesIn(dumps).length === 0) remove(dumps);
    if (this.#isCreated && namesIn(this.path).join() === ".lock") {
      remove(this.path);
    }
  }

  /** Paths of the directories of dumps of other recordings. */
  #otherDumps(): string[] {
    return namesIn(`${this.path}/${DUMPS}`)
      .map((name) => `${DUMPS}/${name}`)
      .filter((path) => path !== this.#newDumps);
  }

  #removeKilled(): void {
    if (!exists(this.new)) return;
    remove(this.new);
    // The directories of the last good recording's dumps are kept.
    const starts = namesIn(`${this.path}/${DUMPS}`).filter(isStart).sort();
    const isOf = (name: string) =>
      readText(`${this.path}/${DESCRIPTION}`).includes(`${DUMPS}/${name}`);
    for (const name of starts) {
      if (!isOf(name)) remove(`${this.path}/${DUMPS}/${name}`);
    }
  }

  /** Releases the directory for other recorders. */
  close(): void {
    this.#lock.close();
  }
}

function isLocked(file: OpenFile): boolean {
  try {
    return tryLock(file, 0n, true);
  } catch {
    // The file system has no locks.
    return true;
  }
}

/** Returns whether a name is that of a directory of dumps. */
const isStart = (name: string) => /^\d{4}-[\d-]+T[\d-]+Z$/.test(name);

function namesIn(directory: string): string[] {
  if (!exists(directory)) return [];
  return Array.from(Deno.readDirSync(directory), ({ name }) => name);
}

function readText(path: string): string {
  return exists(path) ? Deno.readTextFileSync(path) : "";
}

/** Moves the existing files to another directory, and replaces those there. */
function move(from: string, to: string, names: readonly string[]): void {
  for (const name of names) {
    if (exists(`${from}/${name}`)) {
      Deno.renameSync(`${from}/${name}`, `${to}/${name}`);
    }
  }
}

function remove(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Returns whether a path exists, even as a broken link. */
export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
