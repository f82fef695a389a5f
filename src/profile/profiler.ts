/**
 * Reads a recording into a profile, in one pass.
 *
 *     record ─ mapping, exec, fork ──→ processes ──┐
 *            └ sample → call chain → frames, each named once → tree of chains
 *
 * Memory grows with the distinct chains, functions and mappings, and not with the samples.
 *
 * @module
 */

import { CpuMode, SampleType } from "../perf_data/constants.ts";
import { PerfDataFormatError } from "../perf_data/format_error.ts";
import { PerfDataReader } from "../perf_data/perf_data_reader.ts";
import type { PerfRecord } from "../perf_data/record.ts";
import {
  CallchainDeferred,
  Comm,
  Exit,
  Fork,
  Lost,
  LostSamples,
  Mmap,
  Mmap2,
  TimeConv,
} from "../perf_data/records.ts";
import { Sample } from "../perf_data/sample.ts";
import { addressOfBigInt } from "../symbols/address.ts";
import { NativeSymbols } from "../symbols/native_symbols.ts";
import { areCallersLost } from "../unwind/unwound_chain.ts";
import type { Mapping } from "./address_space.ts";
import { CallChain } from "./call_chain.ts";
import { NO_NODE } from "./call_tree.ts";
import { type Dump, Dumps, mayBeDump } from "./dumps.ts";
import { EventProfiles } from "./event_profiles.ts";
import { FrameNames } from "./frame_names.ts";
import { loadsOf } from "./function_loads.ts";
import { findHints, type Observations } from "./hints.ts";
import { recordedHere } from "./machine.ts";
import { type Process, Processes } from "./processes.ts";
import type { Profile } from "./profile.ts";
import { emittedCode, keptDumps } from "./recording.ts";
import { factsOf } from "./recording_facts.ts";
import { isSelected, type SampleSelection } from "./sample_selection.ts";
import { NO_INSTRUCTION, NO_SAMPLES } from "./sample_table.ts";
import { SourceMaps } from "./source_maps.ts";
import { StackUnwinder } from "./stack_unwinder.ts";

/** CLOCK_MONOTONIC. */
const MONOTONIC = 1;

/** `PROT_EXEC`. */
const EXECUTABLE = 4;

/** Number of samples between two calls of `onSamples`. */
const SAMPLES_BETWEEN = 1000;

/** Options for {@linkcode readProfile}. */
export interface ProfileOptions {
  /** The recording's bytes. By default, they are read from its path. */
  readonly bytes?: Uint8Array;
  /** The event to show. Defaults to the one with the greatest weight. */
  readonly event?: string;
  /** Directories to search for dumps that have moved. */
  readonly dumps?: readonly string[];
  /** The samples to read. Defaults to all. */
  readonly selection?: SampleSelection;
  /** True to sum the weights of instructions too. */
  readonly instructions?: boolean;
  /** True to keep the samples one by one, in order of time. */
  readonly timeline?: boolean;
  /** Receives the number of samples read so far, every thousand samples. */
  readonly onSamples?: (count: number) => void;
}

/**
 * Reads a recording and the dumps of its processes.
 *
 * @param path Path of a perf.data: a file, a saved pipe or a directory.
 * @throws {Error} If it cannot be read, or has no samples.
 */
export async function readProfile(
  path: string,
  options: ProfileOptions = {},
): Promise<Profile> {
  const reader = await open(path, options.bytes);
  await using _ = reader;
  const profiler = new Profiler(path, reader, options);
  try {
    for await (const records of reader.batches()) {
      for (const record of records) profiler.add(record);
    }
  } catch (error) {
    if (!(error instanceof PerfDataFormatError)) throw error;
    profiler.noteReadError(error);
  }
  return await profiler.finish(options.event);
}

async function open(
  path: string,
  bytes: Uint8Array | undefined,
): Promise<PerfDataReader> {
  try {
    return await PerfDataReader.open(bytes ?? path);
  } catch (error) {
    if (error instanceof PerfDataFormatError) {
      throw new Error(
        `${path} is not a readable recording of perf (${error.message}): record again, and let the recorder end by itself`,
      );
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new Error(
        `reading ${path} is not allowed: run as the user who recorded it, or as root`,
      );
    }
    throw error;
  }
}

/** Returns the path of the kernel's symbols that `perf record --kcore` has copied. */
function copiedKallsyms(path: string): string | undefined {
  const copy = `${path}/kcore_dir/kallsyms`;
  try {
    return Deno.statSync(copy).isFile ? copy : undefined;
  } catch {
    return undefined;
  }
}

class Profiler {
  readonly #path: string;
  readonly #reader: PerfDataReader;
  readonly #selection: SampleSelection;
  readonly #wantsInstructions: boolean;
  readonly #onSamples: (count: number) => void;
  readonly #processes = new Processes();
  readonly #dumps: Dumps;
  readonly #names: FrameNames;
  readonly #sourceMaps: SourceMaps;
  readonly #unwinder: StackUnwinder;
  readonly #events: EventProfiles;
  readonly #chain = new CallChain();
  /** Indices of the labels of processes (command and pid), which are the tree's first frames. */
  readonly #labels = new Map<string, number>();
  /** The process that first mapped each dump. */
  readonly #owners = new Map<Dump, number>();
  /** Mappings of dumps that precede the first record with a time. */
  readonly #earlyDumps: [Mapping, Mmap][] = [];
  /** Samples whose chain is completed by a later record, by its cookie. */
  readonly #deferred = new Map<bigint, Sample[]>();
  readonly #seen: Observations;
  #symbols: NativeSymbols | undefined;
  #timeConv: TimeConv | undefined;
  #buildIds: Map<string, string> | undefined;
  #samples = 0;
  /** The times of the first and the last selected sample. */
  #firstTime = Infinity;
  #lastTime = -Infinity;
  /** Number of samples that were not selected. */
  #unselected = 0;

  constructor(path: string, reader: PerfDataReader, options: ProfileOptions) {
    this.#path = path;
    this.#reader = reader;
    this.#selection = options.selection ?? {};
    this.#wantsInstructions = options.instructions ?? false;
    this.#events = new EventProfiles(options.timeline ?? false);
    this.#onSamples = options.onSamples ?? (() => {});
    const end = path.lastIndexOf("/");
    const directory = end === -1 ? "." : path.slice(0, end);
    this.#dumps = new Dumps({
      directories: [
        ...options.dumps ?? [],
        directory,
      ],
      kept: keptDumps(directory),
      isThisMachine: () => this.#isThisMachine,
    });
    this.#sourceMaps = new SourceMaps(emittedCode(directory));
    this.#names = new FrameNames(
      this.#processes,
      () => this.#nativeSymbols(),
      this.#sourceMaps,
    );
    this.#unwinder = new StackUnwinder(
      this.#processes.spaces,
      () => this.#nativeSymbols(),
    );
    this.#seen = {
      lastTime: -Infinity,
      early: 0,
      lost: 0,
      longest: 0,
      atLongest: 0,
      chainEnds: new Map(),
      withChains: 0,
      mappedAt: new Map(),
      unknownLater: new Map(),
      readError: undefined,
    };
  }

  add(record: PerfRecord): void {
    // The times of their functions are relative to the recording's start, which is known now.
    if (
      this.#earlyDumps.length > 0 &&
      (record instanceof Sample || this.#reader.startTime !== undefined)
    ) this.#addEarlyDumps();
    if (record instanceof Sample) this.#addSample(record);
    else if (record instanceof Mmap) this.#addMapping(record);
    else if (record instanceof Comm) {
      const { pid, tid, comm, isExec } = record;
      this.#processes.rename(pid, tid, comm, isExec);
    } else if (record instanceof Fork) {
      this.#processes.fork(record, record.time);
    } else if (record instanceof Exit) {
      this.#processes.exit(record.pid, record.tid);
    } else if (record instanceof Lost || record instanceof LostSamples) {
      this.#seen.lost += Number(record.lost);
    } else if (record instanceof TimeConv) this.#timeConv = record;
    else if (record instanceof CallchainDeferred) this.#complete(record);
  }

  /** Notes the error that prevents reading the rest of the recording. */
  noteReadError(error: PerfDataFormatError): void {
    this.#seen.readError = error.message;
  }

  #addMapping(record: Mmap): void {
    if (record.isData) return;
    const { pid, filename } = record;
    const isMmap2 = record instanceof Mmap2;
    const file = isMmap2 ? record.file : undefined;
    const buildId = isMmap2 ? record.buildId?.toHex() : undefined;
    const mapping = this.#processes.map({
      pid,
      start: addressOfBigInt(record.start),
      length: Number(record.length),
      pageOffset: addressOfBigInt(record.pageOffset),
      path: filename,
      time: record.timestamp,
      major: file?.major,
      minor: file?.minor,
      inode: Number(file?.inode ?? 0n),
      buildId: buildId ?? this.#buildIdOf(filename),
    });
    const isCode = !isMmap2 || (record.protection & EXECUTABLE) !== 0;
    if (!mapping || !isCode || record.cpuMode === CpuMode.Kernel) return;
    if (!mayBeDump(filename, mapping.pageOffset)) return;
    if (this.#reader.startTime === undefined) {
      this.#earlyDumps.push([mapping, record]);
    } else this.#addDump(mapping, record);
  }

  #addDump(mapping: Mapping, { pid, time }: Mmap): void {
    const dump = this.#dumps.of(mapping, () => ({
      startTime: this.#startTime,
      tickRate: this.#timeConv,
      isMonotonic: this.#isMonotonic,
    }));
    if (dump === undefined) return;
    this.#processes.addDump(pid, dump);
    const { mappedAt } = this.#seen;
    if (mappedAt.has(dump)) return;
    mappedAt.set(dump, time);
    this.#owners.set(dump, pid);
  }

  /** Adds the dumps that were mapped before the recording began. */
  #addEarlyDumps(): void {
    for (const [mapping, record] of this.#earlyDumps) {
      this.#addDump(mapping, record);
    }
    this.#earlyDumps.length = 0;
  }

  /** The recording's start; 0 if it has no times. */
  get #startTime(): bigint {
    return this.#reader.startTime ?? 0n;
  }

  #addSample(sample: Sample): void {
    const seen = this.#seen;
    if (sample.time > seen.lastTime) seen.lastTime = Math.max(sample.time, 0);
    const nameOf = (tid: number) => this.#processes.commandOf(tid);
    if (!isSelected(this.#selection, sample, nameOf)) {
      this.#unselected++;
      return;
    }
    this.#chain.decode(sample, this.#reader.features.arch);
    const { deferred } = this.#chain;
    if (deferred === undefined) {
      const hasLostCallers = this.#unwind(sample);
      return this.#addChain(sample, hasLostCallers);
    }
    const waiting = this.#deferred.get(deferred);
    if (waiting) waiting.push(sample);
    else this.#deferred.set(deferred, [sample]);
  }

  /**
   * Unwinds the copy of the stack, if the sample has one.
   *
   * @returns True if outer callers are unknown.
   */
  #unwind(sample: Sample): boolean {
    const { attr } = sample.event ?? {};
    if (attr === undefined || attr.sampleStackUser === 0) return false;
    const unwound = this.#unwinder.unwind(
      sample,
      this.#processes.get(sample.pid),
      this.#reader.features.arch,
      this.#chain.userPart(),
    );
    if (unwound === undefined) return false;
    const { frames, end } = unwound;
    if (frames.length > 0) this.#chain.replaceUserPart(frames);
    const { chainEnds } = this.#seen;
    chainEnds.set(end, (chainEnds.get(end) ?? 0) + 1);
    return areCallersLost(end);
  }

  /** Completes samples whose user part was recorded later. */
  #complete({ cookie, callchain }: CallchainDeferred): void {
    for (const sample of this.#deferred.get(cookie) ?? []) {
      this.#chain.decode(sample, undefined);
      this.#chain.append(callchain, false, false);
      this.#addChain(sample);
    }
    this.#deferred.delete(cookie);
  }

  /**
   * Removes outermost frames without mapped code: the kernel has followed a register that was
   * not a frame pointer, as in libffi.
   *
   * @returns True if a frame was removed.
   */
  #dropNoCode(process: Process, time: number): boolean {
    const { addresses, isKernel } = this.#chain;
    const before = this.#chain.length;
    for (let depth = before - 1; depth > 0; depth--) {
      const address = addresses[depth];
      // The interrupted code is not a caller.
      if (isKernel[depth] || isKernel[depth - 1]) break;
      const frame = this.#names.ofCaller(process, address, time);
      if (!this.#names.isUnknown(frame)) break;
      if (this.#processes.spaces.lookup(process.pid, address)) break;
      this.#chain.length--;
    }
    return this.#chain.length < before;
  }

  #addChain(sample: Sample, hasLostCallers = false): void {
    const chain = this.#chain;
    const names = this.#names;
    const seen = this.#seen;
    const { pid, tid, period } = sample;
    const time = Math.max(sample.time, 0);
    const profile = this.#events.of(sample.event);
    const { tree } = profile;
    const process = this.#processes.get(pid);
    const label = `${this.#processes.commandOf(tid)} ${pid}`;
    let node = tree.child(NO_NODE, this.#numberOf(label));
    if (this.#dropNoCode(process, time) || hasLostCallers) {
      node = tree.child(node, names.callersUnknown);
    }
    let frame = 0;
    for (let depth = chain.length - 1; depth >= 0; depth--) {
      const address = chain.addresses[depth];
      frame = chain.isKernel[depth]
        ? names.ofKernel(address)
        : depth > 0
        ? names.ofCaller(process, address, time)
        : names.ofUser(process, address, time);
      node = tree.child(node, frame);
    }
    tree.addWeight(node, period);
    profile.weight += period;
    profile.samples++;
    const { found } = names;
    const instruction = found && this.#wantsInstructions
      ? profile.addInstruction(found, period)
      : NO_INSTRUCTION;
    profile.timeline?.add(sample, time, node, period, instruction);
    if (found) {
      profile.dumps.add(found.dump);
      if (names.isEarly) seen.early++;
    } else if (names.isUnknown(frame)) {
      profile.unknown.set(pid, (profile.unknown.get(pid) ?? 0) + period);
      const last = process.dumps.reduce(
        (last, { code }) => Math.max(last, code.last),
        -Infinity,
      );
      if (last !== -Infinity && time > last + 1e9) {
        const { unknownLater } = seen;
        unknownLater.set(pid, (unknownLater.get(pid) ?? 0) + period);
      }
    }
    if (time < this.#firstTime) this.#firstTime = time;
    if (time > this.#lastTime) this.#lastTime = time;
    if (chain.length > seen.longest) seen.atLongest = 0;
    if (chain.length >= seen.longest) {
      seen.longest = chain.length;
      seen.atLongest++;
    }
    const hasStack = (sample.event?.attr.sampleStackUser ?? 0) > 0;
    if (!hasStack && sample.callchain !== undefined) seen.withChains++;
    if (++this.#samples % SAMPLES_BETWEEN === 0) this.#onSamples(this.#samples);
  }

  #numberOf(label: string): number {
    let number = this.#labels.get(label);
    if (number === undefined) {
      this.#labels.set(label, number = this.#labels.size);
    }
    return number;
  }

  async finish(eventName: string | undefined): Promise<Profile> {
    for (const samples of this.#deferred.values()) {
      for (const sample of samples) {
        this.#chain.decode(sample, undefined);
        this.#addChain(sample);
      }
    }
    if (this.#samples === 0) this.#refuseEmpty();
    const profile = this.#events.choose(eventName) ?? this.#refuseEmpty();
    const { tree, name, samples, weight } = profile;
    const others = this.#events.sampled.filter((other) => other !== profile);
    using symbols = this.#nativeSymbols();
    return {
      ...{ tree, samples, weight, event: name },
      processes: [...this.#labels.keys()],
      symbols: await this.#names.frameSymbols(),
      dumps: this.#dumps.all.map((dump) => ({
        path: dump.path,
        functions: profile.functions.get(dump) ?? new Map(),
        pid: this.#owners.get(dump) ?? 0,
        loads: profile.timeline
          ? [...dump.histories.values()].flatMap((history) =>
            loadsOf(
              history,
              this.#startTime,
              (name) => this.#sourceMaps.nameOf(name),
            )
          )
          : [],
      })),
      timeline:
        profile.timeline?.sorted((tid) => this.#processes.commandOf(tid)) ??
          NO_SAMPLES,
      instructions: profile.instructions,
      recording: factsOf(this.#reader),
      sourceMaps: this.#sourceMaps,
      others: others.map(({ name, samples }) => ({ name, samples })),
      chainEnds: this.#seen.chainEnds,
      lost: this.#seen.lost,
      duration: this.#lastTime - this.#firstTime,
      hints: await findHints({
        profile,
        seen: this.#seen,
        dumps: this.#dumps,
        symbolNotes: symbols.notes(),
        commandOf: (pid) => this.#processes.commandOf(pid),
      }),
    };
  }

  #refuseEmpty(): never {
    const { readError } = this.#seen;
    if (readError !== undefined) {
      throw new Error(
        `${this.#path} cannot be read: ${readError}; record again`,
      );
    }
    if (this.#unselected > 0) {
      throw new Error(
        `${this.#path} has ${this.#unselected} samples, but none of the selected process, thread and time`,
      );
    }
    throw new Error(
      `${this.#path} has no samples: perf was killed before it wrote one, the program used too little CPU time, or the event does not count on the recorded machine; record again with -e cpu-clock`,
    );
  }

  /** True if timestamps are from CLOCK_MONOTONIC, the clock of dumps. */
  get #isMonotonic(): boolean {
    return this.#reader.events.all.every(({ attr }) =>
      attr.useClockid && attr.clockid === MONOTONIC &&
      (attr.sampleType & SampleType.TIME) !== 0
    );
  }

  #buildIdOf(path: string): string | undefined {
    if (this.#buildIds === undefined) {
      this.#buildIds = new Map();
      for (
        const { filename, buildId } of this.#reader.features.buildIds ?? []
      ) {
        this.#buildIds.set(filename, buildId.toHex());
      }
    }
    return this.#buildIds.get(path);
  }

  get #isThisMachine(): boolean | undefined {
    return recordedHere(this.#reader.features);
  }

  /**
   * Returns the native symbols. They are created on first use, because the features that
   * describe the machine can be at the end of a pipe.
   */
  #nativeSymbols(): NativeSymbols {
    if (this.#symbols === undefined) {
      const isHere = this.#isThisMachine;
      const current = isHere === false ? undefined : "/proc/kallsyms";
      this.#symbols = new NativeSymbols({
        kallsyms: copiedKallsyms(this.#path) ?? current,
        isThisMachine: isHere,
      });
    }
    return this.#symbols;
  }
}
