/**
 * The writer of jitdump files.
 *
 * @module
 */

import type { Libc } from "../ffi/libc.ts";
import {
  checkDirectory,
  checkIterable,
  checkObject,
  checkOneOf,
  checkPath,
  checkUnsigned,
} from "./arguments.ts";
import { openDump } from "./file/dump_file.ts";
import { createDumpHeader } from "./file/dump_header.ts";
import { type RecordSink, type Sink, SINKS } from "./file/record_sink.ts";
import { HOST_MACHINE } from "./format/machine.ts";
import { isSupported, ProfilerFile } from "./profiler_file.ts";
import type {
  JitCodeMove,
  JitDebugInfo,
  JitFunction,
  JitUnwindingInfo,
} from "./writer/jit_function.ts";
import {
  BATCH_SIZE,
  MAX_WRITE,
  type Packed,
  packedSize,
  RecordBuffer,
} from "./writer/record_buffer.ts";
import { RecordPacker } from "./writer/record_packer.ts";
import { Uint64List } from "./writer/uint64_list.ts";

/** Options for opening a {@linkcode JitDumpFile}. */
export interface JitDumpOptions {
  /**
   * Path or soname of the libc to call. Needed only if `--allow-ffi` is limited to a path
   * that is not one of the usual ones.
   */
  libc?: string;
  /**
   * Directory of the source files in {@linkcode JitFunction.lines} that are relative: an
   * absolute path or a `file:` URL. Without it they stay relative.
   */
  sourceRoot?: string | URL;
  /**
   * Sink of the records. Defaults to `"append"`. {@linkcode
   * JitDumpFile.sink} returns the sink in use.
   */
  sink?: Sink;
}

const OPENING = "Cannot open a dump";

/** Returns the directory that LLVM and perf's Java agent use too; never prompts. */
function defaultDirectory(): string {
  const variable = "JITDUMPDIR";
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return (state === "granted" && Deno.env.get(variable)) || ".";
}

/** The packer of a dump's records, and their destination. */
interface OpenDump {
  readonly packer: RecordPacker;
  readonly sink: RecordSink;
  close(): void;
}

/**
 * A jitdump file, which describes to Linux `perf` the functions that a JIT compiler has
 * generated: their names, addresses, code and times.
 *
 * perf finds the file by an executable mapping that this object keeps until it is closed,
 * so keep it open while functions are generated.
 *
 * Opening needs `--allow-ffi=<path of libc>` and `--allow-write=<directory of the dump>`,
 * and no other permission.
 *
 * An open dump is closed when the program or worker ends, also by `Deno.exit()`. The
 * exception is a terminated worker, whose descriptor stays open until the process ends. At
 * the file size limit (`ulimit -f`) the kernel ends the process with SIGXFSZ; if the
 * program has a listener for that signal, the call throws a {@linkcode JitDumpError} with
 * the code `EFBIG` instead.
 *
 * The names are those of wasmtime's writer in Rust:
 *
 * | Rust                                           | here                                                      |
 * | ---------------------------------------------- | --------------------------------------------------------- |
 * | `JitDumpFile::new(filename, e_machine)`        | `new JitDumpFile(filename)`, `JitDumpFile.forProcess(dir)` |
 * | `get_time_stamp()`, `next_code_index()`        | `getTimeStamp()`, `nextCodeIndex()`                       |
 * | `dump_code_load_record(method_name, code, …)`  | `dumpCodeLoadRecord(methodName, code, …)`                 |
 * | `file()`                                       | `fd`, `path`                                              |
 * | `Drop`                                         | `close()`, `using`                                        |
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { JitDumpFile } from "@jitdump/jitdump";
 *
 * // Not "using", which closes the dump when this module has been evaluated.
 * const dump = JitDumpFile.forProcess(Deno.makeTempDirSync());
 *
 * // A JIT passes a view of the executable memory that it has filled.
 * const code = Uint8Array.of(0xc3);
 * const codeIndex = dump.dumpFunction({ name: "nothing", code });
 * assertEquals(typeof codeIndex, "bigint");
 * ```
 */
export class JitDumpFile implements Disposable {
  /** Path of the dump, as it was passed. */
  readonly path: string;

  readonly #file: ProfilerFile<OpenDump>;
  /** The buffer for the records of a call; undefined during a call. */
  #buffer: RecordBuffer | undefined = new RecordBuffer();

  /**
   * Returns whether this system is Linux, the only one that has perf. On other
   * systems the constructor throws.
   */
  static isSupported(): boolean {
    return isSupported();
  }

  /**
   * Opens the dump of this process in a directory, under the name that perf looks for:
   * `jit-<pid>.dump`.
   *
   * @param dir Directory of the dump. Defaults to the environment variable `JITDUMPDIR` if
   * permission to read it has been granted, else to the current directory. It must exist,
   * and `perf inject` must be able to write to it.
   * @param options See {@linkcode JitDumpOptions}.
   * @throws The same as the constructor.
   */
  static forProcess(
    dir: string | URL = defaultDirectory(),
    options?: JitDumpOptions,
  ): JitDumpFile {
    const directory = checkDirectory(OPENING, "dir", dir);
    const path = `${directory}/jit-${Deno.pid}.dump`;
    return new JitDumpFile(path, undefined, options);
  }

  /**
   * Opens or creates a jitdump file (mode 0600). If this process created the file, new
   * records are appended. A file left by an earlier process is renamed to
   * `<filename>.old`, replacing an existing one.
   *
   * @param filename A path or `file:` URL. perf finds the file only if its last component
   * is `jit-<pid>.dump`; see {@linkcode JitDumpFile.forProcess}.
   * @param eMachine Machine of the code: ELF's `e_machine`. Defaults to the running
   * machine.
   * @param options See {@linkcode JitDumpOptions}.
   * @throws {Deno.errors.NotSupported} If {@linkcode JitDumpFile.isSupported} returns
   * false.
   * @throws {Deno.errors.NotCapable} If a permission is missing; the message names the
   * flag, and nothing has been created.
   * @throws {Deno.errors.InvalidData} If the file exists and is not a dump for this
   * machine, or belongs to another user.
   * @throws {Deno.errors.Busy} If another process writes the dump, or an engine of this
   * process that would overwrite records, as V8 does under `--perf-prof`. Also if another
   * writer of this process has it open and one of the two sinks is `"mapped"`.
   * @throws {JitDumpError} If a system call fails: the directory does not exist, the path
   * is a directory or a symbolic link, the disk is full.
   * @throws {TypeError} If an argument is of the wrong type.
   * @throws {RangeError} If `eMachine` does not fit 16 bits.
   */
  constructor(
    filename: string | URL,
    eMachine: number = HOST_MACHINE,
    options: JitDumpOptions = {},
  ) {
    this.path = checkPath(OPENING, "filename", filename);
    const elfMach = checkUnsigned(OPENING, "eMachine", 16, eMachine);
    const { libc, sourceRoot, sink = "append" } = checkObject(
      OPENING,
      "options",
      options,
    );
    const root = sourceRoot === undefined
      ? undefined
      : checkDirectory(OPENING, "options.sourceRoot", sourceRoot, true);
    const wanted = checkOneOf(OPENING, "options.sink", SINKS, sink);
    const open = (symbols: Libc): OpenDump => {
      const packer = new RecordPacker(symbols, elfMach, root);
      const header = createDumpHeader(symbols, elfMach, packer.now());
      const opened = openDump(symbols, this.path, header, wanted);
      return { packer, sink: opened, close: () => opened.close() };
    };
    this.#file = new ProfilerFile("dump", this.path, libc, open);
  }

  /**
   * File descriptor of the dump. It belongs to this object: do not close it.
   *
   * @throws {Deno.errors.BadResource} If the dump is closed.
   */
  get fd(): number {
    return this.#file.contents.sink.fd;
  }

  /**
   * Sink of the records. It is `"append"` if `"mapped"` was requested and
   * the file system does not support it.
   *
   * @throws {Deno.errors.BadResource} If the dump is closed.
   */
  get sink(): Sink {
    return this.#file.contents.sink.kind;
  }

  /**
   * Returns the current timestamp for a record: nanoseconds of CLOCK_MONOTONIC, the clock
   * of `perf record -k mono`.
   *
   * @throws {Deno.errors.BadResource} If the dump is closed.
   */
  getTimeStamp(): bigint {
    return this.#file.contents.packer.now();
  }

  /**
   * Returns the next code index. It is unique among the functions of this process,
   * whichever thread, file or engine records them.
   *
   * @throws {Deno.errors.BadResource} If the dump is closed.
   */
  nextCodeIndex(): bigint {
    return this.#file.contents.packer.nextCodeIndex();
  }

  /**
   * Records a function at the address of `code`.
   *
   * @param methodName Name that profilers show.
   * @param code Machine code of the function, in the memory in which it runs.
   * @param timestamp Timestamp in nanoseconds of CLOCK_MONOTONIC. Defaults to now.
   * @param pid Process that generated the code. Defaults to this process.
   * @param tid Thread that generated the code. Defaults to this thread.
   * @returns Code index of the function.
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
    return this.#dumpFunction(fn, "methodName");
  }

  /**
   * Records a function with its source lines and unwind info in a single append, so that
   * another writer's records cannot come between them.
   *
   * @param fn The function.
   * @returns Code index of the function.
   * @throws {TypeError} If a field is of the wrong type, the name contains NUL, or the
   * code is detached.
   * @throws {RangeError} If a number is out of range, the code is empty, or the records
   * are too large for one write (2 GiB).
   * @throws {JitDumpError} If the records could not be written; the file is unchanged.
   * @throws {Deno.errors.BadResource} If the dump is closed.
   */
  dumpFunction(fn: JitFunction): bigint {
    return this.#dumpFunction(fn, "name");
  }

  #dumpFunction(fn: JitFunction, nameArgument: string): bigint {
    // Not #record(), because V8 (15) allocates the closure.
    const { packer } = this.#file.contents;
    const buffer = this.#takeBuffer();
    try {
      const index = packer.addFunction(buffer, fn, nameArgument);
      this.#append(buffer);
      return index;
    } finally {
      this.#returnBuffer(buffer);
    }
  }

  /**
   * Records functions in as few writes as possible: one for every 256 KiB of records, and
   * none with the sink `"mapped"`. All records of a function are in the same write.
   *
   * A function without a `timestamp` gets the time of this call if `fns` is an array, and
   * the time at which the iterator yields it otherwise.
   *
   * @param fns The functions. An iterator of any length is consumed once, with memory for
   * one write and for the returned code indices.
   * @returns Code indices of the functions, in their order.
   * @throws The same as {@linkcode JitDumpFile.dumpFunction} for the first invalid
   * function, and whatever the iterator throws; the functions before it have been recorded.
   * If a write fails, the functions of that write are not recorded.
   */
  dumpFunctions(fns: Iterable<JitFunction>): BigUint64Array<ArrayBuffer> {
    checkIterable("Cannot record functions", "fns", fns);
    const indices = new Uint64List();
    // The functions of an array exist already.
    const time = this.#file.contents.packer.now();
    const now = Array.isArray(fns) ? time : undefined;
    // Not this.#buffer, because the iterator may record functions itself.
    const buffer = new RecordBuffer();
    let whole = 0;
    try {
      for (const fn of fns) {
        whole = buffer.length;
        // The iterator may have closed the dump.
        const { packer } = this.#file.contents;
        indices.push(packer.addFunction(buffer, fn, "name", now));
        // A very large function gets a separate write.
        if (buffer.size > MAX_WRITE && whole > 0) this.#flush(buffer, whole);
        whole = buffer.length;
        if (buffer.size >= BATCH_SIZE) this.#flush(buffer);
      }
    } catch (error) {
      buffer.truncate(Math.min(whole, buffer.length));
      // Writing to a closed dump would replace the error.
      if (!this.#file.isClosed) this.#flush(buffer);
      throw error;
    }
    this.#flush(buffer);
    return indices.toArray();
  }

  /**
   * Writes a JIT_CODE_MOVE record.
   *
   * Prefer a new {@linkcode JitDumpFile.dumpFunction} at the new address, which every
   * perf handles: `perf inject --jit` of perf 7.2 and 7.3-rc7 crashes on this record
   * (6.1 and 6.12 accept it), and in all versions a moved function loses its unwind info.
   *
   * @param move The move.
   * @throws The same as {@linkcode JitDumpFile.dumpFunction}.
   */
  dumpCodeMoveRecord(move: JitCodeMove): void {
    this.#record((packer, buffer) => packer.addCodeMove(buffer, move));
  }

  /**
   * Writes a debug-info record. It belongs to the next function in the file, so if there
   * are other writers, use {@linkcode JitFunction.lines} instead.
   *
   * @param info Content of the record.
   * @throws The same as {@linkcode JitDumpFile.dumpFunction}.
   */
  dumpDebugInfoRecord(info: JitDebugInfo): void {
    this.#record((packer, buffer) => packer.addDebugInfo(buffer, info));
  }

  /**
   * Writes an unwinding-info record. It belongs to the next function in the file, so if
   * there are other writers, use {@linkcode JitFunction.unwinding} instead.
   *
   * @param info Content of the record.
   * @throws The same as {@linkcode JitDumpFile.dumpFunction}.
   */
  dumpUnwindingInfoRecord(info: JitUnwindingInfo): void {
    this.#record((packer, buffer) => packer.addUnwindingInfo(buffer, info));
  }

  /**
   * Writes a JIT_CODE_CLOSE record. perf ignores it, and further records may follow. The
   * record is 8 bytes longer than the specification's, because perf (6.1 to 7.2) reads
   * nothing after a record that is only a header.
   *
   * @param timestamp Timestamp in nanoseconds of CLOCK_MONOTONIC. Defaults to now.
   * @throws The same as {@linkcode JitDumpFile.dumpFunction}.
   */
  dumpCodeCloseRecord(timestamp?: bigint): void {
    this.#record((packer, buffer) => packer.addCodeClose(buffer, timestamp));
  }

  /**
   * Returns an empty buffer that no other call uses. A getter of the arguments may call
   * this object, and V8 may terminate a call without running `finally`: its buffer, which
   * may be in any state, is then not used again.
   */
  #takeBuffer(): RecordBuffer {
    const buffer = this.#buffer ?? new RecordBuffer();
    this.#buffer = undefined;
    return buffer;
  }

  #returnBuffer(buffer: RecordBuffer): void {
    buffer.truncate(0);
    this.#buffer = buffer;
  }

  /** Writes the records that `pack` adds to the buffer, in one append. */
  #record(pack: (packer: RecordPacker, buffer: RecordBuffer) => void): void {
    const { packer } = this.#file.contents;
    const buffer = this.#takeBuffer();
    try {
      pack(packer, buffer);
      this.#append(buffer);
    } finally {
      this.#returnBuffer(buffer);
    }
  }

  /**
   * Writes the buffer, or its first `length` bytes, and removes them from it. If that
   * fails, the buffer is emptied.
   */
  #flush(buffer: RecordBuffer, length?: number): void {
    if (buffer.size === 0) return;
    try {
      this.#append(length ? buffer.start(length) : buffer);
    } catch (error) {
      buffer.truncate(0);
      throw error;
    }
    if (length) buffer.dropStart(length);
    else buffer.truncate(0);
  }

  /**
   * Removes the marker mapping and closes the file. Further calls have no effect.
   *
   * @throws {JitDumpError} If a system call fails; the dump is closed nevertheless.
   */
  close(): void {
    this.#file.close();
  }

  /** Closes the dump, as {@linkcode JitDumpFile.close} does. */
  [Symbol.dispose](): void {
    this.close();
  }

  #append(records: Packed): void {
    const size = packedSize(records);
    if (size > MAX_WRITE) {
      // Refused for all sinks alike.
      throw new RangeError(
        `Cannot append to "${this.path}": the records have ${size} bytes, but one write has at most ${MAX_WRITE} bytes`,
      );
    }
    // The dump may have been closed while the records were packed.
    this.#file.contents.sink.append(records);
  }
}
