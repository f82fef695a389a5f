/**
 * Packing of functions: checks the arguments, fills in defaults, and packs the records.
 *
 * @module
 */

import { threadId } from "../../ffi/process.ts";
import type { Libc } from "../../ffi/libc.ts";
import { addressOf } from "./address.ts";
import {
  checkArray,
  checkBytes,
  checkName,
  checkObject,
  checkUint64,
  checkUnsigned,
} from "../arguments.ts";
import { CodeIndices } from "./code_index.ts";
import type {
  JitCodeMove,
  JitDebugInfo,
  JitFunction,
  JitUnwindingInfo,
} from "./jit_function.ts";
import { MonotonicClock } from "./monotonic_clock.ts";
import type { RecordBuffer } from "./record_buffer.ts";
import {
  type CheckedLine,
  checkFileName,
  checkLineNumber,
  checkSourceLines,
} from "./source_line.ts";
import { encodeUnwindInfo } from "../unwind/unwinding_info.ts";

/** Maximum size of code in bytes: perf 6.1 to 7.2 stores it in a C `int`. */
const MAX_CODE_SIZE = 2 ** 31 - 1;

/** Packs the records of one dump file. */
export class RecordPacker {
  readonly #libc: Libc;
  readonly #elfMach: number;
  readonly #sourceRoot: string | undefined;
  readonly #processId = Deno.pid;
  readonly #threadId: number;
  readonly #clock: MonotonicClock;
  readonly #indices: CodeIndices;

  /**
   * @param libc Provides time, thread and addresses.
   * @param elfMach The code's machine, ELF's `e_machine`.
   * @param sourceRoot The directory of relative source files.
   */
  constructor(libc: Libc, elfMach: number, sourceRoot: string | undefined) {
    this.#libc = libc;
    this.#elfMach = elfMach;
    this.#sourceRoot = sourceRoot;
    this.#threadId = threadId(libc);
    this.#clock = new MonotonicClock(libc);
    this.#indices = new CodeIndices(this.#threadId, this.now());
  }

  /** Returns CLOCK_MONOTONIC in nanoseconds. */
  now(): bigint {
    return this.#clock.now();
  }

  /** Returns the next code index. */
  nextCodeIndex(): bigint {
    return this.#indices.next();
  }

  /**
   * Adds all records of a function. If this or another method throws, the buffer may contain
   * some of the records; the caller discards them.
   *
   * @param nameArgument Name of the argument `name` in errors.
   * @param now The timestamp of a function without one. Defaults to now.
   * @returns The function's code index.
   */
  addFunction(
    buffer: RecordBuffer,
    fn: JitFunction,
    nameArgument = "name",
    now?: bigint,
  ): bigint {
    const what = "Cannot record a function";
    const { name, code, address, lines, unwinding, timestamp = now, pid, tid } =
      checkObject(what, "fn", fn);
    checkName(what, nameArgument, name);
    const { length } = checkBytes(what, "code", code);
    const checkedLines = lines === undefined
      ? undefined
      : checkSourceLines(what, lines, length, this.#sourceRoot);
    const unwindInfo = unwinding === undefined
      ? undefined
      : encodeUnwindInfo(what, this.#elfMach, length, unwinding);
    const libc = this.#libc;
    // Each default is handled here and not only in the methods below: a call costs most in
    // the first thousand records, which V8 (15) interprets, and later it allocates a bigint.
    const start = address === undefined
      ? libc.addressOfBuffer(code as Uint8Array<ArrayBuffer>)
      : addressOf(libc, what, "address", address, code);
    const time = timestamp === undefined
      ? this.#clock.now()
      : this.#timeOf(what, timestamp);
    if (checkedLines && checkedLines.length > 0) {
      this.#addLines(buffer, time, start, checkedLines, length);
    }
    if (unwindInfo) {
      const { ehFrame, ehFrameHdr } = unwindInfo;
      const mappedSize = ehFrame.length + ehFrameHdr.length;
      buffer.addUnwindingInfo(time, ehFrame, ehFrameHdr, mappedSize);
    }
    buffer.beginCodeLoad(name, code);
    const codeIndex = this.#indices.next();
    buffer.endCodeLoad({
      pid: pid === undefined ? this.#processId : this.#processOf(what, pid),
      tid: tid === undefined ? this.#threadId : this.#threadOf(what, tid),
      timestamp: time,
      address: start,
      codeIndex,
    });
    return codeIndex;
  }

  #addLines(
    buffer: RecordBuffer,
    time: bigint,
    start: bigint,
    lines: readonly CheckedLine[],
    codeSize: number,
  ): void {
    buffer.beginDebugInfo(time, start, lines.length + 1);
    for (const { offset, line, column, path } of lines) {
      buffer.addDebugEntry(start + BigInt(offset), line, column, path);
    }
    // perf (6.1 to 7.2) ends the line table at the address of the last entry. One more
    // entry at the end of the code ends the range of the last line.
    const { line, column, path } = lines[lines.length - 1];
    buffer.addDebugEntry(start + BigInt(codeSize), line, column, path);
    buffer.endDebugInfo();
  }

  /** Adds a code-move record. */
  addCodeMove(buffer: RecordBuffer, move: JitCodeMove): void {
    const what = "Cannot record a move";
    checkObject(what, "move", move);
    const { codeSize, codeIndex, oldAddress, newAddress } = move;
    const { timestamp, pid, tid } = move;
    const size = checkUnsigned(what, "codeSize", 32, codeSize);
    if (size === 0 || size > MAX_CODE_SIZE) {
      throw new RangeError(
        `${what}: "codeSize" must be from 1 to ${MAX_CODE_SIZE}, got ${size}`,
      );
    }
    const libc = this.#libc;
    const from = addressOf(libc, what, "oldAddress", oldAddress, size);
    const event = {
      address: addressOf(libc, what, "newAddress", newAddress, size),
      codeIndex: checkUint64(what, "codeIndex", codeIndex),
      pid: this.#processOf(what, pid),
      tid: this.#threadOf(what, tid),
      timestamp: this.#timeOf(what, timestamp),
    };
    buffer.addCodeMove(event, from, size);
  }

  /** Adds a debug-info record. */
  addDebugInfo(buffer: RecordBuffer, info: JitDebugInfo): void {
    const what = "Cannot record debug info";
    checkObject(what, "info", info);
    const { address: givenAddress, entries: given, timestamp } = info;
    checkArray(what, "entries", given);
    if (given.length === 0) {
      throw new RangeError(`${what}: "entries" is empty`);
    }
    const libc = this.#libc;
    const entries = Array.from(given, (entry, i) => {
      const argument = `entries[${i}]`;
      checkObject(what, argument, entry);
      const { address, line, discrim = 0, file } = entry;
      return {
        address: addressOf(libc, what, `${argument}.address`, address, 0),
        line: checkLineNumber(what, `${argument}.line`, line),
        discrim: checkUnsigned(what, `${argument}.discrim`, 32, discrim),
        file: checkFileName(what, `${argument}.file`, file),
      };
    });
    const start = addressOf(libc, what, "address", givenAddress, 0);
    const time = this.#timeOf(what, timestamp);
    buffer.beginDebugInfo(time, start, entries.length);
    for (const { address, line, discrim, file } of entries) {
      buffer.addDebugEntry(address, line, discrim, file);
    }
    buffer.endDebugInfo();
  }

  /** Adds an unwinding-info record. */
  addUnwindingInfo(buffer: RecordBuffer, info: JitUnwindingInfo): void {
    const what = "Cannot record unwind info";
    checkObject(what, "info", info);
    const { mappedSize, timestamp, ehFrame: frame, ehFrameHdr: hdr } = info;
    const ehFrame = checkBytes(what, "ehFrame", frame);
    const ehFrameHdr = checkBytes(what, "ehFrameHdr", hdr);
    const size = checkUnsigned(what, "mappedSize", 32, mappedSize);
    const time = this.#timeOf(what, timestamp);
    buffer.addUnwindingInfo(time, ehFrame, ehFrameHdr, size);
  }

  /** Adds a code-close record. */
  addCodeClose(buffer: RecordBuffer, timestamp?: bigint): void {
    buffer.addCodeClose(
      this.#timeOf("Cannot record the end of code generation", timestamp),
    );
  }

  #processOf(what: string, pid: number | undefined): number {
    if (pid === undefined) return this.#processId;
    return checkUnsigned(what, "pid", 32, pid);
  }

  #threadOf(what: string, tid: number | undefined): number {
    if (tid === undefined) return this.#threadId;
    return checkUnsigned(what, "tid", 32, tid);
  }

  #timeOf(what: string, timestamp: bigint | undefined): bigint {
    if (timestamp === undefined) return this.#clock.now();
    return checkUint64(what, "timestamp", timestamp);
  }
}
