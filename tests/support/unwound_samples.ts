/**
 * Call chains of samples with a copy of the stack, as unwound by this module and by perf.
 *
 * @module
 */

import { NO_PIECE } from "../../src/reader/code_history.ts";
import {
  Comm,
  Fork,
  Mmap,
  PerfDataReader,
  Sample,
} from "../../src/perf_data/mod.ts";
import { Dumps } from "../../src/profile/dumps.ts";
import { Processes } from "../../src/profile/processes.ts";
import { StackUnwinder } from "../../src/profile/stack_unwinder.ts";
import { addressOfBigInt } from "../../src/symbols/address.ts";
import { NativeSymbols } from "../../src/symbols/native_symbols.ts";
import type { ChainEnd } from "../../src/unwind/unwound_chain.ts";
import { runOrThrow } from "./perf.ts";

/**
 * A call chain's frames of user code, innermost first: `function+0x1` for code of a dump,
 * and `/file 0x1` with an offset in the file for other code.
 */
export type FrameLabels = string[];

/** A sample that this module has unwound. */
export interface UnwoundSample {
  readonly frames: FrameLabels;
  readonly end: ChainEnd;
}

/** Unwinds all samples of a recording; the keys are their times in nanoseconds. */
export async function unwoundSamples(
  data: string,
): Promise<Map<bigint, UnwoundSample>> {
  await using reader = await PerfDataReader.open(data);
  using symbols = new NativeSymbols({ isThisMachine: true });
  const processes = new Processes();
  const dumps = new Dumps({
    directories: [],
    kept: new Map(),
    isThisMachine: () => true,
  });
  const unwinder = new StackUnwinder(processes.spaces, () => symbols);
  const found = new Map<bigint, UnwoundSample>();
  for await (const record of reader) {
    if (record instanceof Fork) processes.fork(record, record.time);
    else if (record instanceof Comm) {
      const { pid, tid, comm, isExec } = record;
      processes.rename(pid, tid, comm, isExec);
    } else if (record instanceof Mmap && !record.isData) {
      const mapping = processes.map({
        pid: record.pid,
        start: addressOfBigInt(record.start),
        length: Number(record.length),
        pageOffset: addressOfBigInt(record.pageOffset),
        path: record.filename,
        time: record.timestamp,
      });
      const clock = {
        startTime: reader.startTime ?? 0n,
        tickRate: undefined,
        isMonotonic: true,
      };
      const dump = mapping && dumps.of(mapping, () => clock);
      if (dump) processes.addDump(record.pid, dump);
    } else if (record instanceof Sample) {
      const process = processes.get(record.pid);
      const { arch } = reader.features;
      const chain = unwinder.unwind(record, process, arch, []);
      if (chain === undefined) continue;
      const frames = chain.frames.map(({ address, isInterrupted }) => {
        const at = isInterrupted ? address : address - 1;
        for (const { code } of process.dumps) {
          const { history } = code;
          const piece = code.find(at, record.time);
          if (piece === NO_PIECE) continue;
          const name = history.functions.name(code.functionOf(piece));
          return `${name}+0x${(at - code.baseOf(piece)).toString(16)}`;
        }
        const mapping = processes.spaces.lookup(record.pid, at);
        if (mapping === undefined) return `0x${at.toString(16)}`;
        const offset = at - mapping.start + mapping.pageOffset;
        return `${mapping.file.path} 0x${offset.toString(16)}`;
      });
      found.set(record.timestamp, { frames, end: chain.end });
    }
  }
  return found;
}

/** Matches a frame: address, symbol with its offset, and DSO. */
const FRAME = /^\s+([0-9a-f]+) (.*) \((.*)\)$/;

/** Matches the time in seconds in a sample's first line. */
const TIME = /(\d+)\.(\d{9}):/;

/** Matches the path of a function's ELF file from `perf inject`. */
const IMAGE = /\/jitted-\d+-\d+\.so$/;

/**
 * The last frame of perf 6.1 if the rest of the stack was not copied, as on a signal handler's own
 * stack: the byte before address 0.
 */
const NO_CALLER = "f".repeat(16);

/** Returns perf's call chains; the keys are the samples' times in nanoseconds. */
export async function perfSamples(
  data: string,
): Promise<Map<bigint, FrameLabels>> {
  const { stdout } = await runOrThrow([
    ...["perf", "script", "-i", data, "--ns", "--no-inline"],
    ...["-F", "time,ip,sym,symoff,dso"],
  ] as [string, ...string[]]);
  const found = new Map<bigint, FrameLabels>();
  for (const sample of stdout.split(/\n\n+/)) {
    const lines = sample.split("\n");
    const [, seconds, nanoseconds] = TIME.exec(lines[0]) ?? [];
    if (seconds === undefined) continue;
    const frames = lines.slice(1).flatMap((line) => {
      const [, ip, symbol, dso] = FRAME.exec(line) ?? [];
      if (ip === undefined || ip === NO_CALLER) return [];
      if (dso.startsWith("[kernel")) return [];
      return IMAGE.test(dso) ? symbol : `${dso} 0x${ip}`;
    });
    found.set(BigInt(seconds + nanoseconds), frames);
  }
  return found;
}
