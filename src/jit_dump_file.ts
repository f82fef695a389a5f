/**
 * The writer.
 *
 * @module
 */

import { threadId } from "../ffi/clock.ts";
import { type LibcLibrary, openLibc } from "../ffi/libc.ts";
import { addressOfBuffer, addressOfPointer } from "../ffi/memory.ts";
import { AppendSink, MAX_WRITE } from "./append_sink.ts";
import {
  checkAddress,
  checkCode,
  checkName,
  checkObject,
  checkPath,
  checkTimestamp,
  checkUnsigned,
} from "./arguments.ts";
import { CodeIndices } from "./code_index.ts";
import { FileHeader, JITDUMP_MAGIC, JITDUMP_VERSION } from "./file_header.ts";
import { HOST_MACHINE } from "./machine.ts";
import { MonotonicClock } from "./monotonic_clock.ts";
import { RecordBuffer } from "./record_buffer.ts";
import { Uint64 } from "./uint64.ts";

/** What can be said when a {@linkcode JitDumpFile} is opened. */
export interface JitDumpOptions {
  /**
   * The path, or the soname, of the libc to call. Needed only where libc is at
   * none of the usual places and `--allow-ffi` is limited to its path.
   */
  libc?: string;
}

/** A function that a JIT has made. */
export interface JitFunction {
  /**
   * The name that profilers show. Control characters are escaped, and an empty
   * name becomes `<anonymous>`.
   */
  name: string;
  /** The machine code; it is copied into the dump. */
  code: Uint8Array;
  /**
   * Where the code runs. Left out, it is the address of `code`'s own bytes,
   * which is right for a view over executable memory.
   */
  address?: bigint | number | Deno.PointerObject;
  /**
   * Since when the code is there, in nanoseconds of CLOCK_MONOTONIC, as
   * {@linkcode JitDumpFile.getTimeStamp} gives it. Left out, it is now.
   */
  timestamp?: bigint;
  /** The process that made it; this one where it is left out. */
  pid?: number;
  /** The thread that made it, as the kernel numbers them; this one where it is left out. */
  tid?: number;
}

/**
 * Code of up to this many bytes is copied behind its record; larger code is
 * written from where it lies, so that the buffer stays small.
 */
const COPIED_CODE = 64 * 1024;

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
  readonly #sink: AppendSink;
  readonly #clock: MonotonicClock;
  readonly #indices: CodeIndices;
  readonly #threadId: number;
  readonly #buffer = new RecordBuffer();
  #closed = false;

  // The record that is being written; one object serves all.
  readonly #load = {
    pid: 0,
    tid: 0,
    timestamp: new Uint64(),
    address: new Uint64(),
    codeIndex: new Uint64(),
  };

  /**
   * Whether there is a perf for which a dump could be written: on Linux.
   * Elsewhere the constructor throws.
   */
  static isSupported(): boolean {
    return Deno.build.os === "linux";
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
    const directory = checkPath("Cannot open a dump", "dir", dir);
    const slash = directory.endsWith("/") ? "" : "/";
    return new JitDumpFile(
      `${directory}${slash}jit-${Deno.pid}.dump`,
      undefined,
      options,
    );
  }

  /**
   * Opens a dump. Where it is not there it is made, with mode 0600 and its
   * header; where it is there, records are added to it.
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
   * which this machine's functions can be added.
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
    const { libc: givenLibc } = checkObject(what, "options", options);
    const libcPath = givenLibc === undefined
      ? undefined
      : checkPath(what, "options.libc", givenLibc);
    if (!JitDumpFile.isSupported()) {
      throw new Deno.errors.NotSupported(
        `Cannot open "${this.path}": there is perf on Linux only, and this is ${Deno.build.os}`,
      );
    }
    this.#library = openLibc(libcPath);
    const libc = this.#library.symbols;
    try {
      this.#threadId = threadId(libc);
      this.#clock = new MonotonicClock(libc);
      const now = this.#now();
      this.#indices = new CodeIndices(this.#threadId, now);
      this.#sink = new AppendSink(libc, this.path, {
        magic: JITDUMP_MAGIC,
        version: JITDUMP_VERSION,
        totalSize: FileHeader.size,
        elfMach,
        pad1: 0,
        pid: Deno.pid,
        timestamp: now,
        flags: 0n,
      });
    } catch (error) {
      this.#library.close();
      throw error;
    }
  }

  /** The file's descriptor. It belongs to this object: do not close it. */
  get fd(): number {
    this.#requireOpen("use the descriptor");
    return this.#sink.fd;
  }

  /**
   * The time to give a record: nanoseconds of CLOCK_MONOTONIC, the clock of
   * `perf record -k mono`.
   */
  getTimeStamp(): bigint {
    this.#requireOpen("read the clock");
    return this.#now();
  }

  /**
   * Takes the next code index. It is unique among the functions of this
   * process, whichever thread, file or engine dumps them.
   */
  nextCodeIndex(): bigint {
    this.#requireOpen("take a code index");
    const { codeIndex } = this.#load;
    this.#indices.next(codeIndex);
    return codeIndex.value;
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
    return this.#dumpCodeLoad(
      checkName(DUMP, "methodName", methodName),
      code,
      undefined,
      timestamp,
      pid,
      tid,
    );
  }

  /**
   * Says that there is a function, with all that is known of it, as one append.
   *
   * @param fn The function.
   * @returns The function's code index.
   * @throws {TypeError} If a field is of the wrong type, the name has a NUL in
   * it, or the code is detached.
   * @throws {RangeError} If a number is out of range, the code is empty, or it
   * is too large for one write (2 GiB).
   * @throws {JitDumpError} If it could not be written; the file is as before.
   * @throws {Deno.errors.BadResource} If the dump is closed.
   */
  dumpFunction(fn: JitFunction): bigint {
    checkObject(DUMP, "fn", fn);
    return this.#dumpCodeLoad(
      checkName(DUMP, "name", fn.name),
      fn.code,
      fn.address,
      fn.timestamp,
      fn.pid,
      fn.tid,
    );
  }

  #dumpCodeLoad(
    name: string,
    code: Uint8Array,
    address: JitFunction["address"],
    timestamp: bigint | undefined,
    pid: number | undefined,
    tid: number | undefined,
  ): bigint {
    checkCode(DUMP, code);
    const size = code.length;
    const load = this.#load;
    load.pid = pid === undefined
      ? Deno.pid
      : checkUnsigned(DUMP, "pid", 32, pid);
    load.tid = tid === undefined
      ? this.#threadId
      : checkUnsigned(DUMP, "tid", 32, tid);
    if (timestamp !== undefined) {
      load.timestamp.value = checkTimestamp(DUMP, timestamp);
    }
    this.#requireOpen("dump a function");
    const libc = this.#library.symbols;
    load.address.value = address === undefined
      ? addressOfBuffer(libc, code)
      : checkAddress(
        DUMP,
        "address",
        address,
        size,
        (pointer) => addressOfPointer(libc, pointer),
      );
    if (timestamp === undefined) this.#clock.read(load.timestamp);
    this.#indices.next(load.codeIndex);

    const buffer = this.#buffer;
    buffer.clear();
    const total = buffer.addCodeLoad(load, name, size);
    if (total > MAX_WRITE) {
      throw new RangeError(
        `${DUMP}: its record would have ${total} bytes ("code" has ${size}), and one write takes ${MAX_WRITE}`,
      );
    }
    if (size <= COPIED_CODE) {
      buffer.addCode(code);
      this.#sink.append(total, buffer.bytes);
    } else {
      this.#sink.append(total, buffer.bytes, code);
    }
    return load.codeIndex.value;
  }

  /**
   * Takes the marker mapping away and closes the file. Doing it twice is fine.
   *
   * @throws {JitDumpError} If a system call fails; the dump is closed all the same.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
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

  #now(): bigint {
    const { timestamp } = this.#load;
    this.#clock.read(timestamp);
    return timestamp.value;
  }

  #requireOpen(intent: string): void {
    if (!this.#closed) return;
    throw new Deno.errors.BadResource(
      `Cannot ${intent}: the dump "${this.path}" is closed`,
    );
  }
}

/** What the errors of a bad function begin with. */
const DUMP = "Cannot dump a function";
