/**
 * The writer of perf maps.
 *
 * @module
 */

import type { OpenFile } from "../ffi/file.ts";
import type { Libc } from "../ffi/libc.ts";
import {
  checkBytes,
  checkDirectory,
  checkIterable,
  checkName,
  checkObject,
  checkPath,
} from "./arguments.ts";
import { AppendFile } from "./file/append_file.ts";
import type { PartialWrite } from "./file/partial_record.ts";
import {
  type Claim,
  type Opening,
  requireOwner,
  SharedFile,
} from "./file/shared_file.ts";
import { isSupported, ProfilerFile } from "./profiler_file.ts";
import { overwritingRemedy } from "./v8.ts";
import { addressOf } from "./writer/address.ts";
import { escapeFunctionName } from "./writer/function_name.ts";
import type { JitFunction } from "./writer/jit_function.ts";
import { BATCH_SIZE } from "./writer/record_buffer.ts";

/** Options for opening a {@linkcode PerfMapFile}. */
export interface PerfMapOptions {
  /** Path or soname of the libc to call; see {@linkcode JitDumpOptions.libc}. */
  libc?: string;
}

/** Minimum length of a name: perf (6.1 to 7.2) skips a line with a shorter one. */
const SHORTEST_NAME = 3;

const OPENING = "Cannot open a map";

const encoder = new TextEncoder();

/** The lines of an open map. */
interface OpenMap {
  readonly libc: Libc;
  readonly lines: AppendFile;
  close(): void;
}

/**
 * A perf map: a text file with one line for each function, from which `perf report` reads
 * names without `perf inject`.
 *
 * It contains neither timestamps nor code. perf reads it once, when it reports, and applies
 * every line to the whole recording. If code moves, or memory is reused, lines contradict
 * each other, and which of them perf finds depends on its sorting, not on their order in
 * the file. Use it for code that stays in place, and {@linkcode JitDumpFile} for other code.
 *
 * V8 (15) writes the same file under `--perf-basic-prof` and overwrites the lines of
 * others: use one of the two.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { PerfMapFile } from "@jitdump/jitdump";
 *
 * // perf looks in /tmp, the default directory.
 * const map = PerfMapFile.forProcess(Deno.makeTempDirSync());
 * const code = Uint8Array.of(0xc3);
 * map.dumpFunction({ name: "nothing", code, address: 0x7f00_0000_1000 });
 * assertEquals(Deno.readTextFileSync(map.path), "7f0000001000 1 nothing\n");
 * ```
 */
export class PerfMapFile implements Disposable {
  /** Path of the map, as it was passed. */
  readonly path: string;

  readonly #file: ProfilerFile<OpenMap>;

  /** Returns whether this system is Linux, the only one that has perf. */
  static isSupported(): boolean {
    return isSupported();
  }

  /**
   * Opens the map of this process in a directory, under the name that perf looks for:
   * `perf-<pid>.map`.
   *
   * @param dir Directory of the map. Defaults to `/tmp`, where perf looks.
   * @param options See {@linkcode PerfMapOptions}.
   * @throws The same as the constructor.
   */
  static forProcess(
    dir: string | URL = "/tmp",
    options?: PerfMapOptions,
  ): PerfMapFile {
    const directory = checkDirectory(OPENING, "dir", dir);
    return new PerfMapFile(`${directory}/perf-${Deno.pid}.map`, options);
  }

  /**
   * Opens or creates a map (mode 0600). Lines are appended to an existing one.
   *
   * @param filename A path or `file:` URL.
   * @param options See {@linkcode PerfMapOptions}.
   * @throws {Deno.errors.NotSupported} If {@linkcode PerfMapFile.isSupported} returns
   * false.
   * @throws {Deno.errors.NotCapable} If a permission is missing; the message names the
   * flag, and nothing has been created.
   * @throws {Deno.errors.InvalidData} If the file exists and is not a map, or belongs to
   * another user.
   * @throws {Deno.errors.Busy} If another process writes the map, or an engine of this
   * process that would overwrite lines, as V8 does under `--perf-basic-prof`.
   * @throws {JitDumpError} If a system call fails.
   * @throws {TypeError} If an argument is of the wrong type.
   */
  constructor(filename: string | URL, options: PerfMapOptions = {}) {
    this.path = checkPath(OPENING, "filename", filename);
    const { libc } = checkObject(OPENING, "options", options);
    const open = (symbols: Libc): OpenMap => {
      const lines = openMap(symbols, this.path);
      return { libc: symbols, lines, close: () => lines.close() };
    };
    this.#file = new ProfilerFile("map", this.path, libc, open);
  }

  /**
   * File descriptor of the map. It belongs to this object: do not close it.
   *
   * @throws {Deno.errors.BadResource} If the map is closed.
   */
  get fd(): number {
    return this.#file.contents.lines.fd;
  }

  /**
   * Records a function in one append.
   *
   * @param fn The function. The map stores its name, address and size.
   * @throws {TypeError} If a field is of the wrong type, the name contains NUL, or the
   * code is detached.
   * @throws {RangeError} If the address is out of range or the code is empty.
   * @throws {JitDumpError} If the line could not be written; the file is unchanged.
   * @throws {Deno.errors.BadResource} If the map is closed.
   */
  dumpFunction(fn: JitFunction): void {
    const { libc } = this.#file.contents;
    this.#append(lineOf(libc, fn));
  }

  /**
   * Records functions in as few appends as possible: one for every 256 KiB.
   *
   * @param fns The functions. An iterator of any length is consumed once.
   * @throws The same as {@linkcode PerfMapFile.dumpFunction} for the first invalid
   * function, and whatever the iterator throws; the functions before it have been recorded.
   */
  dumpFunctions(fns: Iterable<JitFunction>): void {
    this.#file.requireOpen();
    checkIterable("Cannot record functions", "fns", fns);
    let lines = "";
    try {
      for (const fn of fns) {
        lines += lineOf(this.#file.contents.libc, fn);
        if (lines.length < BATCH_SIZE) continue;
        const full = lines;
        lines = "";
        this.#append(full);
      }
    } catch (error) {
      // Writing to a closed map would replace the error.
      if (lines !== "" && !this.#file.isClosed) this.#append(lines);
      throw error;
    }
    if (lines !== "") this.#append(lines);
  }

  /**
   * Closes the file. Further calls have no effect.
   *
   * @throws {JitDumpError} If a system call fails; the map is closed nevertheless.
   */
  close(): void {
    this.#file.close();
  }

  /** Closes the map, as {@linkcode PerfMapFile.close} does. */
  [Symbol.dispose](): void {
    this.close();
  }

  #append(lines: string): void {
    const bytes = encoder.encode(lines);
    this.#file.contents.lines.append({ bytes, length: bytes.length });
  }
}

/** Returns a function's line: `<address> <size> <name>`, the numbers in hexadecimal. */
function lineOf(libc: Libc, fn: JitFunction): string {
  const what = "Cannot record a function";
  const { name, code, address } = checkObject(what, "fn", fn);
  checkName(what, "name", name);
  const size = checkBytes(what, "code", code).length;
  const start = addressOf(libc, what, "address", address, code);
  const shown = escapeFunctionName(name).padEnd(SHORTEST_NAME);
  return `${start.toString(16)} ${size.toString(16)} ${shown}\n`;
}

/** The start of a map: an address and a size, or the blanks of {@linkcode blankOut}. */
const FIRST_LINE = /^([0-9a-f]{1,16} [0-9a-f]{1,16} | *(\n|$))/i;

function openMap(libc: Libc, path: string): AppendFile {
  return new AppendFile(
    SharedFile.open(
      libc,
      path,
      overwritingRemedy("--perf-basic-prof"),
      claimMap,
    ),
    blankOut,
  );
}

/** Claims a map, which has neither header nor marker. */
function claimMap(opening: Opening): Claim {
  const { file } = opening;
  requireOwner(opening, () => false);
  const start = new Uint8Array(40);
  const size = file.readAt(start, 0);
  const text = new TextDecoder().decode(start.subarray(0, size));
  if (FIRST_LINE.test(text)) return { marker: 0n, isExclusive: false };
  throw new Deno.errors.InvalidData(
    `Cannot append to "${file.path}": it is not a perf map. Choose another directory, or remove the file.`,
  );
}

/** Turns a partial line into an empty line, which perf (6.1 to 7.2) skips. */
function blankOut(file: OpenFile, { start, end }: PartialWrite): true {
  const blanks = `${" ".repeat(end - start - 1)}\n`;
  file.overwriteAt(encoder.encode(blanks), start);
  return true;
}
