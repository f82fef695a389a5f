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
  checkFileName,
  checkLineNumber,
  type PlacedLine,
  placeSourceLines,
} from "./source_line.ts";
import { Uint64 } from "./uint64.ts";
import { encodeUnwindInfo } from "../unwind/unwinding_info.ts";

/** perf (6.1 to 7.2) stores the size of code in a C `int`. */
const MAX_CODE_SIZE = 2 ** 31 - 1;

/** Packs the records of one dump file. */
export class RecordPacker {
  readonly #libc: Libc;
  readonly #elfMach: number;
  readonly #sourceRoot: string | undefined;
  readonly #threadId: number;
  readonly #clock: MonotonicClock;
  readonly #indices: CodeIndices;

  // The fields of the record that is being packed; one object serves all.
  readonly #event = {
    pid: 0,
    tid: 0,
    timestamp: new Uint64(),
    address: new Uint64(),
    codeIndex: new Uint64(),
  };
  readonly #otherAddress = new Uint64();

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
    const { timestamp } = this.#event;
    this.#clock.read(timestamp);
    return timestamp.value;
  }

  /** Returns the next code index. */
  nextCodeIndex(): bigint {
    const { codeIndex } = this.#event;
    this.#indices.next(codeIndex);
    return codeIndex.value;
  }

  /**
   * Adds all records of a function. If it throws, the buffer may have a part of them, as
   * with all these methods; the caller discards it.
   *
   * @param nameArgument Name of the function's name in errors.
   * @param now The timestamp of a function without one. Defaults to now.
   * @returns The function's code index, until the next one is taken.
   */
  addFunction(
    buffer: RecordBuffer,
    fn: JitFunction,
    nameArgument = "name",
    now?: bigint,
  ): Uint64 {
    const what = "Cannot record a function";
    const { name, code, address, lines, unwinding, timestamp = now, pid, tid } =
      checkObject(what, "fn", fn);
    checkName(what, nameArgument, name);
    const { length } = checkBytes(what, "code", code);
    const placedLines = lines === undefined
      ? undefined
      : placeSourceLines(what, lines, length, this.#sourceRoot);
    const unwindInfo = unwinding === undefined
      ? undefined
      : encodeUnwindInfo(what, this.#elfMach, length, unwinding);
    const event = this.#event;
    event.address.value = addressOf(
      this.#libc,
      what,
      "address",
      address,
      code,
    );
    this.#setOrigin(what, timestamp, pid, tid);
    this.#indices.next(event.codeIndex);

    if (placedLines && placedLines.length > 0) {
      this.#addLines(buffer, placedLines, length);
    }
    if (unwindInfo) {
      const { ehFrame, ehFrameHdr } = unwindInfo;
      const mappedSize = ehFrame.length + ehFrameHdr.length;
      buffer.addUnwindingInfo(event.timestamp, ehFrame, ehFrameHdr, mappedSize);
    }
    buffer.addCodeLoad(event, name, code);
    return event.codeIndex;
  }

  #addLines(
    buffer: RecordBuffer,
    lines: readonly PlacedLine[],
    codeSize: number,
  ): void {
    const { timestamp, address } = this.#event;
    buffer.beginDebugInfo(timestamp, address, lines.length + 1);
    for (const { offset, line, column, path } of lines) {
      buffer.addDebugEntry(address, offset, line, column, path);
    }
    // perf (6.1 to 7.2) ends the line table at the address of the last entry. One more
    // entry at the end of the code ends the range of the last line.
    const { line, column, path } = lines[lines.length - 1];
    buffer.addDebugEntry(address, codeSize, line, column, path);
    buffer.endDebugInfo();
  }

  /** Adds a code-move record. */
  addCodeMove(buffer: RecordBuffer, move: JitCodeMove): void {
    const what = "Cannot record a move";
    checkObject(what, "move", move);
    const event = this.#event;
    const { codeSize, codeIndex, oldAddress, newAddress } = move;
    const { timestamp, pid, tid } = move;
    const size = checkUnsigned(what, "codeSize", 32, codeSize);
    if (size === 0 || size > MAX_CODE_SIZE) {
      throw new RangeError(
        `${what}: "codeSize" must be from 1 to ${MAX_CODE_SIZE}, got ${size}`,
      );
    }
    const libc = this.#libc;
    const other = this.#otherAddress;
    other.value = addressOf(libc, what, "oldAddress", oldAddress, size);
    event.address.value = addressOf(
      libc,
      what,
      "newAddress",
      newAddress,
      size,
    );
    event.codeIndex.value = checkUint64(what, "codeIndex", codeIndex);
    this.#setOrigin(what, timestamp, pid, tid);
    buffer.addCodeMove(event, other, size);
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
    const event = this.#event;
    event.address.value = addressOf(libc, what, "address", givenAddress, 0);
    this.#setTime(what, timestamp);
    buffer.beginDebugInfo(event.timestamp, event.address, entries.length);
    for (const { address, line, discrim, file } of entries) {
      this.#otherAddress.value = address;
      buffer.addDebugEntry(this.#otherAddress, 0, line, discrim, file);
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
    this.#setTime(what, timestamp);
    buffer.addUnwindingInfo(this.#event.timestamp, ehFrame, ehFrameHdr, size);
  }

  /** Adds a code-close record. */
  addCodeClose(buffer: RecordBuffer, timestamp?: bigint): void {
    this.#setTime("Cannot record the end", timestamp);
    buffer.addCodeClose(this.#event.timestamp);
  }

  #setOrigin(
    what: string,
    timestamp: bigint | undefined,
    pid: number | undefined,
    tid: number | undefined,
  ): void {
    const event = this.#event;
    event.pid = pid === undefined
      ? Deno.pid
      : checkUnsigned(what, "pid", 32, pid);
    event.tid = tid === undefined
      ? this.#threadId
      : checkUnsigned(what, "tid", 32, tid);
    this.#setTime(what, timestamp);
  }

  #setTime(what: string, timestamp: bigint | undefined): void {
    const into = this.#event.timestamp;
    if (timestamp === undefined) this.#clock.read(into);
    else into.value = checkUint64(what, "timestamp", timestamp);
  }
}
