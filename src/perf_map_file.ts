/**
 * The simpler way to names: perf's map of a process.
 *
 * @module
 */

import { type OpenFile, overwriteAt, readAt } from "../ffi/file.ts";
import type { Libc, LibcLibrary } from "../ffi/libc.ts";
import { addressOf } from "./writer/address.ts";
import { AppendFile } from "./file/append_file.ts";
import {
  checkBytes,
  checkDirectory,
  checkIterable,
  checkName,
  checkObject,
  checkPath,
} from "./arguments.ts";
import { closeAtUnload } from "./at_unload.ts";
import { escapeFunctionName } from "./writer/function_name.ts";
import type { JitFunction } from "./writer/jit_function.ts";
import { isSupported, openPlatform } from "./platform.ts";
import { BATCH_SIZE } from "./writer/record_buffer.ts";
import {
  type FileKind,
  SharedFile,
  type TornPart,
} from "./file/shared_file.ts";

/** What can be said when a {@linkcode PerfMapFile} is opened. */
export interface PerfMapOptions {
  /** The same as {@linkcode JitDumpOptions.libc}. */
  libc?: string;
}

/** perf passes over a line whose name is shorter than this. */
const SHORTEST_NAME = 3;

const encoder = new TextEncoder();

/**
 * A perf map that is being written: a text file of one line per function, from which
 * `perf report` takes names without `perf inject`.
 *
 * It has neither time nor code. perf reads it once, when it reports, and takes every
 * line for true from beginning to end. Where code moves, or memory is used again,
 * lines contradict each other, and which of them perf finds depends on how it has
 * sorted them, not on their order in the file. So the format suits code that stays
 * where it is; for all else there is {@linkcode JitDumpFile}.
 *
 * V8 writes the same file under `--perf-basic-prof`, over what others have written:
 * use the one or the other.
 *
 * @example
 * ```ts
 * import { PerfMapFile } from "@jitdump/jitdump";
 *
 * // perf looks in /tmp, which is the directory where it is left out.
 * using map = PerfMapFile.forProcess(Deno.makeTempDirSync());
 * map.dumpFunction({ name: "nothing", code: Uint8Array.of(0xc3) });
 * ```
 */
export class PerfMapFile implements Disposable {
  /** The map's path, as it was given. */
  readonly path: string;

  readonly #library: LibcLibrary;
  readonly #file: AppendFile;
  readonly #forgetUnload: () => void;
  #closed = false;

  /** Whether there is a perf that could read a map: on Linux. */
  static isSupported(): boolean {
    return isSupported();
  }

  /**
   * Opens the map of this process in a directory, under the name that perf looks for:
   * `perf-<pid>.map`.
   *
   * @param dir The directory; where it is left out, the one that perf looks in, `/tmp`.
   * @param options See {@linkcode PerfMapOptions}.
   * @throws The same as the constructor.
   */
  static forProcess(
    dir: string | URL = "/tmp",
    options?: PerfMapOptions,
  ): PerfMapFile {
    const directory = checkDirectory("Cannot open a map", "dir", dir);
    return new PerfMapFile(`${directory}/perf-${Deno.pid}.map`, options);
  }

  /**
   * Opens a map. Where it is not there it is made, with mode 0600; where it is there,
   * lines are added to it.
   *
   * @param filename A path or `file:` URL.
   * @param options See {@linkcode PerfMapOptions}.
   * @throws {Deno.errors.NotSupported} Where {@linkcode PerfMapFile.isSupported} is false.
   * @throws {Deno.errors.NotCapable} If a permission is missing; the message
   * names the flag, and nothing has been made.
   * @throws {Deno.errors.InvalidData} If it is no regular file, no map, or another
   * user's.
   * @throws {Deno.errors.Busy} If an engine in this process would overwrite what is
   * appended, as V8 does under `--perf-basic-prof`.
   * @throws {JitDumpError} If a system call fails.
   * @throws {TypeError} If an argument is of the wrong type.
   */
  constructor(filename: string | URL, options: PerfMapOptions = {}) {
    const what = "Cannot open a map";
    this.path = checkPath(what, "filename", filename);
    checkObject(what, "options", options);
    this.#library = openPlatform(what, this.path, options.libc);
    try {
      this.#file = openMap(this.#library.symbols, this.path);
    } catch (error) {
      this.#library.close();
      throw error;
    }
    this.#forgetUnload = closeAtUnload(this);
  }

  /**
   * The file's descriptor. It belongs to this object: do not close it.
   *
   * @throws {Deno.errors.BadResource} If the map is closed.
   */
  get fd(): number {
    this.#requireOpen();
    return this.#file.fd;
  }

  /**
   * Says that there is a function, in one append.
   *
   * @param fn The function; of its fields the map takes name, code (its size) and
   * address.
   * @throws {TypeError} If a field is of the wrong type, the name has a NUL in
   * it, or the code is detached.
   * @throws {RangeError} If the address is out of range or the code is empty.
   * @throws {JitDumpError} If it could not be written; the file is as before.
   * @throws {Deno.errors.BadResource} If the map is closed.
   */
  dumpFunction(fn: JitFunction): void {
    this.#requireOpen();
    this.#append(this.#line(fn));
  }

  /**
   * Says that there are functions, in as few appends as possible: one for every
   * 256 KiB.
   *
   * @param fns The functions; a generator of any length is gone through once.
   * @throws The same as {@linkcode PerfMapFile.dumpFunction}, for the first
   * function that is refused, and whatever the iterable throws; the functions before
   * it are in the map then.
   */
  dumpFunctions(fns: Iterable<JitFunction>): void {
    this.#requireOpen();
    checkIterable("Cannot dump functions", "fns", fns);
    let lines = "";
    try {
      for (const fn of fns) {
        lines += this.#line(fn);
        if (lines.length < BATCH_SIZE) continue;
        const full = lines;
        lines = "";
        this.#append(full);
      }
    } catch (error) {
      // That it is closed is not what went wrong.
      if (lines !== "" && !this.#closed) this.#append(lines);
      throw error;
    }
    if (lines !== "") this.#append(lines);
  }

  /**
   * Closes the file. Doing it twice is fine.
   *
   * @throws {JitDumpError} If the system call fails; the map is closed all the same.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forgetUnload();
    try {
      this.#file.close();
    } finally {
      this.#library.close();
    }
  }

  /** The same as {@linkcode PerfMapFile.close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** `<address> <size> <name>`, both numbers hexadecimal. */
  #line(fn: JitFunction): string {
    const what = "Cannot dump a function";
    const { name, code: givenCode, address: givenAddress } = checkObject(
      what,
      "fn",
      fn,
    );
    checkName(what, "name", name);
    const code = checkBytes(what, "code", givenCode);
    const libc = this.#library.symbols;
    const address = addressOf(libc, what, "address", givenAddress, code);
    const shown = escapeFunctionName(name).padEnd(SHORTEST_NAME);
    return `${address.toString(16)} ${code.length.toString(16)} ${shown}\n`;
  }

  #append(lines: string): void {
    this.#requireOpen();
    const bytes = encoder.encode(lines);
    this.#file.append({ bytes, length: bytes.length });
  }

  #requireOpen(): void {
    if (!this.#closed) return;
    throw new Deno.errors.BadResource(
      `Cannot use the map "${this.path}": it is closed`,
    );
  }
}

/** How a map begins: with an address and a size, or what {@linkcode blankOut} leaves. */
const FIRST_LINE = /^([0-9a-f]{1,16} [0-9a-f]{1,16} | *(\n|$))/i;

const V8_REMEDY =
  "If it is V8's --perf-basic-prof, give it another directory (--v8-flags=--perf-basic-prof,--perf-basic-prof-path=<directory>), or take the one or the other.";

/** A map has neither header nor marker. */
const MAP_KIND: FileKind = {
  remedy: V8_REMEDY,
  isExclusive: () => false,
  emptySize: 0,
  accept(libc, { file }) {
    const start = new Uint8Array(40);
    const size = readAt(libc, file, start, 0);
    const text = new TextDecoder().decode(start.subarray(0, size));
    if (FIRST_LINE.test(text)) return true;
    throw new Deno.errors.InvalidData(
      `Cannot append to "${file.path}": it is not a perf map. Choose another directory, or remove it if nobody needs it.`,
    );
  },
  begin: () => 0n,
  mend: blankOut,
  end: () => {},
};

/** Makes a part of a line into an empty one, which perf passes over. */
function blankOut(libc: Libc, file: OpenFile, { start, end }: TornPart): true {
  const blanks = `${" ".repeat(end - start - 1)}\n`;
  overwriteAt(libc, file, encoder.encode(blanks), start);
  return true;
}

function openMap(libc: Libc, path: string): AppendFile {
  return new AppendFile(libc, new SharedFile(libc, path, MAP_KIND));
}
