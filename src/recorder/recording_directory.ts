/**
 * The directory of a recording.
 *
 *     perf.data  recording.json  dumps/START/   the last good recording
 *     old/                                      the one before, in the same form
 *     new/perf.data  new/recording.json         a recording that runs, or was killed
 *     .lock                                     locked by the recorder that uses the directory
 *
 * START is the time of the recording's start: a dump stays where the recorded process has
 * mapped it, because perf finds it there only.
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

/** A directory that one recorder uses. */
export class RecordingDirectory {
  /** The real path. */
  readonly path: string;
  readonly #lock: OpenFile;
  /** Indicates whether the directory was created for this recording. */
  readonly #isCreated: boolean;

  /** Path of the new recording's dumps in the directory. */
  readonly #newDumps: string;

  /**
   * Creates the directory if it does not exist, locks it, and removes what a recorder that was
   * killed has left in it.
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

  /** The recording that is being made. */
  get new(): string {
    return `${this.path}/new`;
  }

  /** Its samples. */
  get data(): string {
    return `${this.new}/${DATA}`;
  }

  /** Its dumps. */
  get dumps(): string {
    return `${this.path}/${this.#newDumps}`;
  }

  /** Writes `new/recording.json`. A recorder that is killed leaves the last whole one. */
  describe(description: RecordingStart | RecordingDescription): void {
    const text = `${JSON.stringify(description, undefined, 2)}\n`;
    const path = `${this.new}/${DESCRIPTION}`;
    Deno.writeTextFileSync(`${path}.part`, text);
    Deno.renameSync(`${path}.part`, path);
  }

  /** Replaces the last recording by the new one, and keeps it in `old/`. */
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
    // Those of the last good recording have been there before.
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

/** Moves what exists to another directory, where it replaces other files. */
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

/** Returns whether a path is in use. */
export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
