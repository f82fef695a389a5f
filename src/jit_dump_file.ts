/**
 * The writer.
 *
 * @module
 */

import type { LibcLibrary } from "../ffi/libc.ts";
import {
  checkDirectory,
  checkIterable,
  checkObject,
  checkOneOf,
  checkPath,
  checkUnsigned,
} from "./arguments.ts";
import { closeAtUnload } from "./at_unload.ts";
import { makeDumpHeader } from "./file/dump_header.ts";
import type {
  JitCodeMove,
  JitDebugInfo,
  JitFunction,
  JitUnwindingInfo,
} from "./writer/jit_function.ts";
import { HOST_MACHINE } from "./format/machine.ts";
import { openSink } from "./file/open_sink.ts";
import { isSupported, openPlatform } from "./platform.ts";
import { BATCH_SIZE, MAX_WRITE, RecordBuffer } from "./writer/record_buffer.ts";
import { RecordPacker } from "./writer/record_packer.ts";
import { type RecordSink, type Sink, SINKS } from "./file/record_sink.ts";
import { Uint64List } from "./writer/uint64.ts";

/** What can be said when a {@linkcode JitDumpFile} is opened. */
export interface JitDumpOptions {
  /**
   * The path, or the soname, of the libc to call. Needed only where libc is at
   * none of the usual places and `--allow-ffi` is limited to its path.
   */
  libc?: string;
  /**
   * The absolute path, or `file:` URL, of the directory to which the source files
   * in {@linkcode JitFunction.lines} are relative where they are not absolute.
   */
  sourceRoot?: string | URL;
  /**
   * How records get into the file; `"append"` where it is left out. See {@linkcode Sink},
   * and {@linkcode JitDumpFile.sink} for what it has become.
   */
  sink?: Sink;
}

/**
 * A jitdump file that is being written: it tells Linux `perf` which functions a
 * JIT compiler has made, where, and when.
 *
 * perf finds the file by an executable mapping of it that this object keeps
 * until it is closed, so keep it open for as long as functions are made.
 *
 * Opening needs `--allow-ffi=<path of libc>` and
 * `--allow-write=<the dump's directory>`, and nothing else.
 *
 * @example
 * ```ts
 * import { JitDumpFile } from "@jitdump/jitdump";
 *
 * using dump = JitDumpFile.forProcess(Deno.makeTempDirSync());
 *
 * // A JIT would pass a view over the executable memory that it filled.
 * const code = Uint8Array.of(0xc3);
 * dump.dumpFunction({ name: "nothing", code });
 * ```
 */
export class JitDumpFile implements Disposable {
  /** The dump's path, as it was given. */
  readonly path: string;

  readonly #library: LibcLibrary;
  readonly #packer: RecordPacker;
  readonly #sink: RecordSink;
  readonly #buffer = new RecordBuffer();
  readonly #forgetUnload: () => void;
  #closed = false;

  /**
   * Whether there is a perf for which a dump could be written: on Linux.
   * Elsewhere the constructor throws.
   */
  static isSupported(): boolean {
    return isSupported();
  }

  /**
   * Opens the dump of this process in a directory, under the name that perf
   * looks for: `jit-<pid>.dump`.
   *
   * @param dir The directory; the current one where it is left out. It must be
   * there, and `perf inject` must be able to write to it.
   * @param options See {@linkcode JitDumpOptions}.
   * @throws The same as the constructor.
   */
  static forProcess(
    dir: string | URL = ".",
    options?: JitDumpOptions,
  ): JitDumpFile {
    const directory = checkDirectory("Cannot open a dump", "dir", dir);
    return new JitDumpFile(
      `${directory}/jit-${Deno.pid}.dump`,
      undefined,
      options,
    );
  }

  /**
   * Opens a dump. Where it is not there it is made, with mode 0600 and its
   * header; where this process has made it, records are added to it. One of an earlier
   * process gets the name `<filename>.old`, in the place of an older one.
   *
   * @param filename A path or `file:` URL. perf takes notice of the file only
   * if its last component is `jit-<pid>.dump`; see {@linkcode JitDumpFile.forProcess}.
   * @param eMachine The code's machine as ELF's `e_machine` has it; the running
   * machine's where it is left out.
   * @param options See {@linkcode JitDumpOptions}.
   * @throws {Deno.errors.NotSupported} Where {@linkcode JitDumpFile.isSupported} is false.
   * @throws {Deno.errors.NotCapable} If a permission is missing; the message
   * names the flag, and nothing has been made.
   * @throws {Deno.errors.InvalidData} If there is something else than a dump to
   * which this machine's functions can be added, or another user's file.
   * @throws {Deno.errors.Busy} If another process writes the dump, or an engine in this
   * one that would overwrite what is appended, as V8 does under `--perf-prof`. With the
   * sink `"mapped"`: if anybody in this process has it open; without, if one has it so.
   * @throws {JitDumpError} If a system call fails: the directory is not there,
   * the path is a directory or a symbolic link, the disk is full.
   * @throws {TypeError} If an argument is of the wrong type.
   * @throws {RangeError} If `eMachine` does not fit 16 bits.
   */
  constructor(
    filename: string | URL,
    eMachine: number = HOST_MACHINE,
    options: JitDumpOptions = {},
  ) {
    const what = "Cannot open a dump";
    this.path = checkPath(what, "filename", filename);
    const elfMach = checkUnsigned(what, "eMachine", 16, eMachine);
    checkObject(what, "options", options);
    const sourceRoot = options.sourceRoot === undefined
      ? undefined
      : checkDirectory(what, "options.sourceRoot", options.sourceRoot, true);
    const sink = checkOneOf(
      what,
      "options.sink",
      SINKS,
      options.sink ?? "append",
    );
    this.#library = openPlatform(what, this.path, options.libc);
    const libc = this.#library.symbols;
    try {
      this.#packer = new RecordPacker(libc, elfMach, sourceRoot);
      const header = makeDumpHeader(libc, elfMach, this.#packer.now());
      this.#sink = openSink(libc, this.path, header, sink);
    } catch (error) {
      this.#library.close();
      throw error;
    }
    this.#forgetUnload = closeAtUnload(this);
  }

  /**
   * The file's descriptor. It belongs to this object: do not close it.
   *
   * @throws {Deno.errors.BadResource} If the dump is closed.
   */
  get fd(): number {
    this.#requireOpen();
    return this.#sink.fd;
  }

  /**
   * How records get into the file: `"append"` also where `"mapped"` was asked for and the
   * file system is none for it.
   *
   * @throws {Deno.errors.BadResource} If the dump is closed.
   */
  get sink(): Sink {
    this.#requireOpen();
    return this.#sink.kind;
  }

  /**
   * The time to give a record: nanoseconds of CLOCK_MONOTONIC, the clock of
   * `perf record -k mono`.
   *
   * @throws {Deno.errors.BadResource} If the dump is closed.
   */
  getTimeStamp(): bigint {
    this.#requireOpen();
    return this.#packer.now();
  }

  /**
   * Takes the next code index. It is unique among the functions of this
   * process, whichever thread, file or engine dumps them.
   *
   * @throws {Deno.errors.BadResource} If the dump is closed.
   */
  nextCodeIndex(): bigint {
    this.#requireOpen();
    return this.#packer.nextCodeIndex();
  }

  /**
   * Says that there is a function at the address of `code`.
   *
   * @param methodName The name that profilers show.
   * @param code The function's machine code, where it runs.
   * @param timestamp Since when, in nanoseconds of CLOCK_MONOTONIC; now where it is left out.
   * @param pid The process that made it; this one where it is left out.
   * @param tid The thread that made it; this one where it is left out.
   * @returns The function's code index.
   * @throws The same as {@linkcode JitDumpFile.dumpFunction}.
   */
  dumpCodeLoadRecord(
    methodName: string,
    code: Uint8Array,
    timestamp?: bigint,
    pid?: number,
    tid?: number,
  ): bigint {
    const fn = { name: methodName, code, timestamp, pid, tid };
    const buffer = this.#emptyBuffer();
    const index = this.#packer.addFunction(buffer, fn, "methodName").value;
    this.#flush(buffer);
    return index;
  }

  /**
   * Says that there is a function, with all that is known of it, as one append:
   * its lines and unwinding tables cannot come to stand before another writer's
   * function.
   *
   * @param fn The function.
   * @returns The function's code index.
   * @throws {TypeError} If a field is of the wrong type, the name has a NUL in
   * it, or the code is detached.
   * @throws {RangeError} If a number is out of range, the code is empty, or the
   * records are too large for one write (2 GiB).
   * @throws {JitDumpError} If it could not be written; the file is as before.
   * @throws {Deno.errors.BadResource} If the dump is closed.
   */
  dumpFunction(fn: JitFunction): bigint {
    const buffer = this.#emptyBuffer();
    const index = this.#packer.addFunction(buffer, fn).value;
    this.#flush(buffer);
    return index;
  }

  /**
   * Says that there are functions, in as few writes as possible: one for every
   * 256 KiB of records, and none where the dump is mapped. All records of a function are
   * in the same write.
   *
   * Functions without a time of their own are of the time of the call where they are in
   * an array, and of the time at which they come where another iterable makes them.
   *
   * @param fns The functions; a generator of any length is gone through once, with
   * memory for one write and the indices that are returned.
   * @returns The functions' code indices.
   * @throws The same as {@linkcode JitDumpFile.dumpFunction}, for the first
   * function that is refused, and whatever the iterable throws; the functions before
   * it are in the dump then. Where a write fails, the functions of that write are not.
   */
  dumpFunctions(fns: Iterable<JitFunction>): bigint[] {
    this.#requireOpen();
    checkIterable("Cannot dump functions", "fns", fns);
    const indices = new Uint64List();
    // What is in an array is there already.
    const now = Array.isArray(fns) ? this.#packer.now() : undefined;
    // Not the common buffer: the iterable may dump functions of its own.
    const buffer = new RecordBuffer();
    let whole = 0;
    try {
      for (const fn of fns) {
        whole = buffer.length;
        indices.push(this.#packer.addFunction(buffer, fn, "name", now));
        // Those before a giant take no room in its write.
        if (buffer.size > MAX_WRITE && whole > 0) this.#flush(buffer, whole);
        whole = buffer.length;
        if (buffer.size >= BATCH_SIZE) this.#flush(buffer);
      }
    } catch (error) {
      buffer.truncate(Math.min(whole, buffer.length));
      // That it is closed is not what went wrong.
      if (!this.#closed) this.#flush(buffer);
      throw error;
    }
    this.#flush(buffer);
    return indices.toArray();
  }

  /**
   * Says that a function has moved. The dump keeps no table of what it has written,
   * so the caller says all that the record needs.
   *
   * perf shows the function's name and lines at the new address too. It takes only the
   * code for moved, so `--call-graph dwarf` does not find the unwinding tables there: a
   * function that has some is better dumped anew.
   *
   * @param move The move.
   * @throws The same as {@linkcode JitDumpFile.dumpFunction}.
   */
  dumpCodeMoveRecord(move: JitCodeMove): void {
    const buffer = this.#emptyBuffer();
    this.#packer.addCodeMove(buffer, move);
    this.#flush(buffer);
  }

  /**
   * Writes a debug-info record as it is given. It belongs to the next function in
   * the file, so where others write to the same file {@linkcode JitFunction.lines}
   * is the way.
   *
   * @param info The record's content.
   * @throws The same as {@linkcode JitDumpFile.dumpFunction}.
   */
  dumpDebugInfoRecord(info: JitDebugInfo): void {
    const buffer = this.#emptyBuffer();
    this.#packer.addDebugInfo(buffer, info);
    this.#flush(buffer);
  }

  /**
   * Writes an unwinding-info record as it is given. It belongs to the next function
   * in the file, so where others write to the same file
   * {@linkcode JitFunction.unwinding} is the way.
   *
   * @param info The record's content.
   * @throws The same as {@linkcode JitDumpFile.dumpFunction}.
   */
  dumpUnwindingInfoRecord(info: JitUnwindingInfo): void {
    const buffer = this.#emptyBuffer();
    this.#packer.addUnwindingInfo(buffer, info);
    this.#flush(buffer);
  }

  /**
   * Says that no more code is made. perf takes no notice of it, and more may follow: the
   * record is 8 bytes longer than the format's, as perf reads nothing behind one that is
   * only a header.
   *
   * @param timestamp Since when, in nanoseconds of CLOCK_MONOTONIC; now where it is left out.
   * @throws The same as {@linkcode JitDumpFile.dumpFunction}.
   */
  dumpCodeCloseRecord(timestamp?: bigint): void {
    const buffer = this.#emptyBuffer();
    this.#packer.addCodeClose(buffer, timestamp);
    this.#flush(buffer);
  }

  /** The buffer for the records of one call. */
  #emptyBuffer(): RecordBuffer {
    this.#requireOpen();
    // What a call that failed has left in it.
    this.#buffer.truncate(0);
    return this.#buffer;
  }

  /**
   * Appends what the buffer has, or its first `length` bytes, and takes it out. Where
   * that fails the buffer is empty too.
   */
  #flush(buffer: RecordBuffer, length?: number): void {
    if (buffer.size === 0) return;
    try {
      this.#requireOpen();
      this.#requireOneWrite(length ?? buffer.size);
      this.#sink.append(length ? buffer.start(length) : buffer);
    } catch (error) {
      buffer.truncate(0);
      throw error;
    }
    if (length) buffer.dropStart(length);
    else buffer.truncate(0);
  }

  /**
   * Takes the marker mapping away and closes the file. Doing it twice is fine.
   *
   * @throws {JitDumpError} If a system call fails; the dump is closed all the same.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forgetUnload();
    try {
      this.#sink.close();
    } finally {
      this.#library.close();
    }
  }

  /** The same as {@linkcode JitDumpFile.close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Refuses what no system call takes at once, for all sinks alike. */
  #requireOneWrite(size: number): void {
    if (size <= MAX_WRITE) return;
    throw new RangeError(
      `Cannot append to "${this.path}": the records have ${size} bytes, and one write takes ${MAX_WRITE}`,
    );
  }

  #requireOpen(): void {
    if (!this.#closed) return;
    throw new Deno.errors.BadResource(
      `Cannot use the dump "${this.path}": it is closed`,
    );
  }
}
